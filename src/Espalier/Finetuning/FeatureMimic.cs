using Espalier.Models;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Finetuning;

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
/// <param name="teacher">The original network.</param>
/// <param name="student">The compressed network.</param>
/// <param name="point">Where features are compared.</param>
/// <param name="block">e, the block whose output <see cref="FeaturePoint.MiddleBlock"/> compares.</param>
/// <param name="trainable">Names of the student's tensors that move.</param>
public sealed class FeatureMimic(Model teacher, Model student, FeaturePoint point, int block, IEnumerable<string> trainable) : FinetuneTask(student, trainable)
{
    private readonly Model _student = student;

    public override Tensor Loss(TensorBatch batch, long step)
    {
        Tensor target;
        using (new NoGrad()) target = Feature(teacher, batch.Pixels);
        return Functional.MseLoss(Feature(_student, batch.Pixels, training: BatchStatistics).To(DType.Float32), target.To(DType.Float32));
    }

    /// <summary>The compared feature of one network; the student's while it learns.</summary>
    public Tensor Feature(Model model, Tensor pixels, bool training = false)
    {
        if (point == FeaturePoint.MiddleBlock) return model.AfterBlock(block, pixels, training);
        var features = model.Features(pixels, training: training);
        return point == FeaturePoint.PreGap ? features : model.Pool(features);
    }
}
