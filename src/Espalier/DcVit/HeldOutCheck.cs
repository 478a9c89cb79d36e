using Espalier.Evaluation;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.DcVit;

/// <summary>A student against its teacher on images nothing was fitted to.</summary>
/// <param name="FeatureMse">Mean squared difference of the tokens after the final LayerNorm.</param>
/// <param name="Agreement">Share of images with the same likeliest class.</param>
/// <param name="Kl">Mean KL(teacher ‖ student) of the logits.</param>
public sealed record HeldOutScore(double FeatureMse, double Agreement, double Kl);

/// <summary>Compares students with the teacher on held-out images; needs no labels.</summary>
public sealed class HeldOutCheck(VitModel teacher, ImageDataset images, bool bf16)
{
    private const int BatchSize = 25;

    /// <summary>The comparison; null when there are no held-out images.</summary>
    public HeldOutScore? Score(VitModel student)
    {
        if (images.Count == 0) return null;
        using var noGrad = new NoGrad();
        double mse = 0, agree = 0, kl = 0;
        for (var start = 0; start < images.Count; start += BatchSize)
        {
            using var scope = new TensorScope();
            var part = images.Subset(Enumerable.Range(start, Math.Min(BatchSize, images.Count - start)));
            var pixels = ImageTensors.Load(part, teacher.Preprocessing, teacher.Device);
            var (expected, expectedLogits) = Run(teacher, pixels);
            var (actual, logits) = Run(student, pixels);
            mse += Functional.MseLoss(actual, expected).Item() * part.Count;
            agree += logits.ArgMax(-1).EqualTo(expectedLogits.ArgMax(-1)).To(DType.Float32).Sum().Item();
            kl += Functional.KlPerSample(expectedLogits, logits).Sum().Item();
        }
        return new HeldOutScore(mse / images.Count, agree / images.Count, kl / images.Count);
    }

    private (Tensor Features, Tensor Logits) Run(VitModel model, Tensor pixels)
    {
        using var autocast = new Autocast(bf16, model.Device);
        var features = model.Features(pixels);
        return (features.To(DType.Float32), model.Head(features).To(DType.Float32));
    }
}
