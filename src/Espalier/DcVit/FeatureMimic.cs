using Espalier.Models.Vit;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.DcVit;

/// <summary>Where student and teacher are compared (§5.3).</summary>
public enum FeaturePoint
{
    /// <summary><c>pre_GAP</c>, the method: all tokens after the final LayerNorm.</summary>
    PreGap,
    /// <summary><c>after_GAP</c>: what the head reads, the class token after the final LayerNorm as a rule.</summary>
    AfterGap,
    /// <summary><c>middle_block</c>: all tokens after block e, without LayerNorm; neither network runs further.</summary>
    MiddleBlock,
}

/// <summary>
/// The finetuning loss L = mean (F_S(x) − F_T(x))² over all elements (§5.3). The teacher is frozen; both see the same augmented batch.
/// </summary>
public sealed class FeatureMimic : ITrainingTask
{
    private readonly VitModel _teacher;
    private readonly VitModel _student;
    private readonly FeaturePoint _point;
    private readonly int _block;

    /// <param name="teacher">The original network.</param>
    /// <param name="student">The compressed network.</param>
    /// <param name="point">Where features are compared.</param>
    /// <param name="block">e, the block whose output <see cref="FeaturePoint.MiddleBlock"/> compares.</param>
    /// <param name="trainable">Names of the student's tensors that move.</param>
    public FeatureMimic(VitModel teacher, VitModel student, FeaturePoint point, int block, IEnumerable<string> trainable)
    {
        (_teacher, _student, _point, _block) = (teacher, student, point, block);
        Parameters = [.. trainable.Select(name => student.Weights[name])];
    }

    public IReadOnlyList<Tensor> Parameters { get; }

    public Tensor Loss(TensorBatch batch, long step)
    {
        Tensor target;
        using (new NoGrad()) target = Feature(_teacher, batch.Pixels);
        return Functional.MseLoss(Feature(_student, batch.Pixels).To(DType.Float32), target.To(DType.Float32));
    }

    /// <summary>The compared feature of one network.</summary>
    public Tensor Feature(VitModel model, Tensor pixels) => _point switch
    {
        FeaturePoint.PreGap => model.Features(pixels),
        FeaturePoint.AfterGap => model.Pool(model.Features(pixels)),
        _ => model.Blocks(model.Embed(pixels), 0, _block + 1),
    };
}
