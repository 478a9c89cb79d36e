using System.Collections.Immutable;
using Espalier.Compute;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier;

/// <summary>A class and how likely it is.</summary>
/// <param name="Class">Its number.</param>
/// <param name="Name">Its name; null when the model does not bring one along.</param>
/// <param name="Probability">In [0, 1].</param>
public sealed record Classification(int Class, string? Name, double Probability);

/// <summary>A loaded model that answers for one image at a time, from any thread; one call computes at a time.</summary>
public sealed class Classifier : IDisposable
{
    private readonly Lock _turn = new();
    private readonly Model _model;
    private readonly ComputeOptions _compute;
    private readonly EvalTransform _transform;
    private readonly ImmutableArray<string> _names;

    /// <param name="model">With a head.</param>
    /// <param name="compute">How to compute.</param>
    /// <exception cref="UsageException">The model has no head.</exception>
    public Classifier(EspalierModel model, ComputeOptions? compute = null)
    {
        if (model.Architecture.Classes == 0) throw new UsageException($"{model.Source.Model} has no head, so it knows no classes; finetune it on labelled images first.");
        (_compute, _transform, _names) = (compute ?? new(), new EvalTransform(model.Preprocessing), model.ClassNames);
        _model = model.Load(_compute);
    }

    /// <summary>The likeliest classes of an image, the likeliest first.</summary>
    /// <param name="image">The bytes of a JPEG, PNG, WebP or BMP file.</param>
    /// <param name="count">At most so many.</param>
    /// <exception cref="InputException">The bytes are no such image.</exception>
    public ImmutableArray<Classification> Classify(ReadOnlySpan<byte> image, int count = 5) =>
        Classify(ImageReader.Decode(image, "the image", _transform.Channels), count);

    /// <inheritdoc cref="Classify(ReadOnlySpan{byte}, int)"/>
    public ImmutableArray<Classification> Classify(ImageBuffer image, int count = 5)
    {
        var (channels, size) = (_transform.Channels, _transform.Size);
        var pixels = new float[channels * size * size];
        _transform.Apply(image, pixels);
        var probabilities = Probabilities(pixels, [1, channels, size, size]);
        var best = Enumerable.Range(0, probabilities.Length).OrderByDescending(c => probabilities[c]).Take(count);
        return [.. best.Select(c => new Classification(c, _names.IsEmpty ? null : _names[c], probabilities[c]))];
    }

    public void Dispose() => _model.Dispose();

    private float[] Probabilities(float[] pixels, ReadOnlySpan<long> shape)
    {
        lock (_turn)
        {
            // Threads and grad mode belong to the thread, and this may be another one each time.
            _compute.Apply();
            using var noGrad = new NoGrad();
            using var scope = new TensorScope();
            using var autocast = new Autocast(_compute.EvaluatesInBf16, _model.Device);
            return _model.Logits(Tensor.From<float>(pixels, shape, _model.Device)).To(DType.Float32).Softmax(-1).ToArray<float>();
        }
    }
}
