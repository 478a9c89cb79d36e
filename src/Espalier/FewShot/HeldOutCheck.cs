using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.FewShot;

/// <summary>A student against its teacher on images nothing was fitted to.</summary>
/// <param name="FeatureMse">Mean squared difference of the tokens after the final LayerNorm; of the class token alone when the student merged others.</param>
/// <param name="Agreement">Share of images with the same likeliest class.</param>
/// <param name="Kl">Mean KL(teacher ‖ student) of the logits.</param>
public sealed record HeldOutScore(double FeatureMse, double Agreement, double Kl);

/// <summary>Compares students with the teacher on held-out images; needs no labels. The teacher's answers are computed once.</summary>
public sealed class HeldOutCheck : IDisposable
{
    private const int BatchSize = 25;
    private readonly bool _bf16;
    private readonly List<(Tensor Pixels, Tensor Features, Tensor Logits)> _batches = [];
    private readonly int _count;

    /// <param name="teacher">The original network; only used here.</param>
    /// <param name="images">May be empty: then there is no score.</param>
    /// <param name="bf16">Matrix products in bf16.</param>
    public HeldOutCheck(Model teacher, ImageDataset images, bool bf16)
    {
        (_bf16, _count) = (bf16, images.Count);
        using var noGrad = new NoGrad();
        for (var start = 0; start < images.Count; start += BatchSize)
        {
            using var scope = new TensorScope();
            var part = images.Subset(Enumerable.Range(start, Math.Min(BatchSize, images.Count - start)));
            var pixels = ImageTensors.Load(part, teacher.Preprocessing, teacher.Device);
            var (features, logits) = Run(teacher, pixels);
            _batches.Add((TensorScope.Release(pixels), TensorScope.Release(features), TensorScope.Release(logits)));
        }
    }

    /// <summary>The comparison; null when there are no held-out images.</summary>
    public HeldOutScore? Score(Model student)
    {
        if (_count == 0) return null;
        using var noGrad = new NoGrad();
        double mse = 0, agree = 0, kl = 0;
        foreach (var (pixels, expected, expectedLogits) in _batches)
        {
            using var scope = new TensorScope();
            var (actual, logits) = Run(student, pixels);
            mse += FeatureError.Of(student, actual, expected) * pixels.Size(0);
            agree += logits.ArgMax(-1).EqualTo(expectedLogits.ArgMax(-1)).To(DType.Float32).Sum().Item();
            kl += Functional.KlPerSample(expectedLogits, logits).Sum().Item();
        }
        return new HeldOutScore(mse / _count, agree / _count, kl / _count);
    }

    public void Dispose()
    {
        foreach (var (pixels, features, logits) in _batches)
            foreach (var tensor in new[] { pixels, features, logits }) tensor.Dispose();
    }

    private (Tensor Features, Tensor Logits) Run(Model model, Tensor pixels)
    {
        using var autocast = new Autocast(_bf16, model.Device);
        var features = model.Features(pixels);
        return (features.To(DType.Float32), model.Head(features).To(DType.Float32));
    }
}
