using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Tests.Training;

/// <summary>A linear layer that learns the sign of a sum: small enough for hundreds of runs.</summary>
internal sealed class Toy : ITrainingTask, IBatchSource
{
    private const int Width = 6;
    private long _next;

    public Toy()
    {
        using var scope = new TensorScope();
        Weight = TensorScope.Release(Tensor.Zeros([2, Width]));
        Bias = TensorScope.Release(Tensor.Zeros([2]));
    }

    public Tensor Weight { get; }

    public Tensor Bias { get; }

    /// <summary>The loss of this step (from 0) is NaN.</summary>
    public long? NaNAt { get; init; }

    /// <summary>Reading the batch of this number fails.</summary>
    public long? FailAt { get; init; }

    /// <summary>The part of each batch it gives.</summary>
    public BatchShare Share { get; init; }

    public IReadOnlyList<Tensor> Parameters => [Weight, Bias];

    public int BatchesPerEpoch => 5;

    public List<long> Seen { get; } = [];

    public List<(long Step, double? Loss)> After { get; } = [];

    public float[] Values => [.. Weight.ToArray<float>(), .. Bias.ToArray<float>()];

    public TensorBatch Next()
    {
        if (_next == FailAt) throw new IOException("the disk is gone");
        Seen.Add(_next);
        var random = new SeededRandom(1, _next++);
        var pixels = new float[8 * Width];
        var labels = new long[8];
        for (var i = 0; i < 8; i++)
        {
            for (var k = 0; k < Width; k++) pixels[i * Width + k] = (float)random.NextGaussian();
            labels[i] = pixels.AsSpan(i * Width, Width).ToArray().Sum() > 0 ? 1 : 0;
        }
        var places = Share.Of(8);
        var own = places.SelectMany(place => pixels.AsSpan(place * Width, Width).ToArray()).ToArray();
        return new TensorBatch(Tensor.From<float>(own, places.Length, Width), Tensor.From<long>(Array.ConvertAll(places, place => labels[place]), places.Length)) { Total = 8 };
    }

    public void Seek(long batch) => _next = batch;

    public Tensor Loss(TensorBatch batch, long step)
    {
        var loss = Functional.CrossEntropy(batch.Pixels.Linear(Weight, Bias).To(DType.Float32), batch.Labels!);
        return step == NaNAt ? loss * double.NaN : loss;
    }

    public void AfterStep(long step, double? loss) => After.Add((step, loss));

    public void Dispose()
    {
        foreach (var tensor in Parameters)
        {
            tensor.Grad = null;
            tensor.Dispose();
        }
    }
}
