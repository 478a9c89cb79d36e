using Espalier.Torch;

namespace Espalier.Models.Formats.Onnx;

/// <summary>
/// Compares the logits of an ONNX file with the model's own, on seeded noise and at two batch sizes, so that neither a weight nor the free
/// batch dimension can go wrong unseen.
/// </summary>
internal sealed class OnnxVerification(Model model, OnnxOptions options)
{
    /// <summary>The largest difference that passes, as a share of the largest logit.</summary>
    public const double Tolerance = 1e-4;

    private static readonly int[] s_batches = [1, 3];

    /// <summary>Largest difference of a logit, as a share of the largest one.</summary>
    /// <exception cref="VerificationException">It is above <see cref="Tolerance"/>, or the engine refuses the file.</exception>
    public double Difference(IOnnxEngine engine, FileStream file, CancellationToken cancellation)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        (Tensor Input, Tensor Pixels)[] cases = [.. s_batches.Select(Noise)];
        try
        {
            var outputs = engine.Run(file, [.. cases.Select(c => c.Input)], cancellation);
            return cases.Zip(outputs).Max(pair => Difference(pair.First.Pixels, pair.Second, engine));
        }
        catch (InputException e)
        {
            throw new VerificationException($"The exported file was not kept: {engine.Name} refuses it ({e.Message})", e);
        }
    }

    private double Difference(Tensor pixels, Tensor logits, IOnnxEngine engine)
    {
        using var scope = new TensorScope();
        var own = model.Logits(pixels.To(model.Device)).To("cpu");
        if (!own.Shape.SequenceEqual(logits.Shape))
            throw new VerificationException(
                $"The exported file was not kept: {engine.Name} makes {logits.Describe()} of it instead of {own.Describe()}.");
        var (difference, largest) = ((own - logits).Abs().Max().Item(), own.Abs().Max().Item());
        // Not "above": a NaN must fail, too.
        if (!(difference <= Tolerance * largest))
            throw new VerificationException($"The exported file was not kept: in {engine.Name} a logit differs by {difference:0.###e0} from the "
                + $"model's own, where the largest is {largest:0.###} and {Tolerance * largest:0.###e0} is allowed.");
        return largest > 0 ? difference / largest : 0;
    }

    /// <summary>What the file is given, and what the model is: the same, or bytes and their normalised values.</summary>
    private (Tensor Input, Tensor Pixels) Noise(int batch)
    {
        var (net, random) = (model.Architecture, new SeededRandom(options.Seed, "onnx input", batch));
        long[] shape = [batch, net.Channels, net.ImageSize, net.ImageSize];
        var count = checked(batch * net.Channels * net.ImageSize * net.ImageSize);
        if (!options.WithNormalization)
        {
            var values = new float[count];
            foreach (ref var value in values.AsSpan()) value = (float)random.NextGaussian();
            var pixels = Tensor.From<float>(values, shape);
            return (pixels, pixels);
        }
        var bytes = new byte[count];
        foreach (ref var value in bytes.AsSpan()) value = (byte)random.NextInt(256);
        var image = Tensor.From<byte>(bytes, shape);
        return (image, (image.To(DType.Float32) / 255.0 - PerChannel(model.Preprocessing.Mean)) / PerChannel(model.Preprocessing.Std));
    }

    private static Tensor PerChannel(IReadOnlyList<double> values) => Tensor.From<float>([.. values.Select(v => (float)v)], [values.Count, 1, 1]);
}
