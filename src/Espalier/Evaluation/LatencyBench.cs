using Espalier.Models;
using Espalier.Torch;

namespace Espalier.Evaluation;

/// <summary>What a measurement of speed found.</summary>
/// <param name="LatencyMs">Milliseconds of one forward pass of a batch.</param>
/// <param name="ImagesPerSecond">Images a second at the median latency.</param>
public sealed record LatencyResult(Percentiles LatencyMs, double ImagesPerSecond)
{
    /// <summary>The other model's latency; null without one.</summary>
    public Percentiles? AgainstLatencyMs { get; init; }

    /// <summary>The other model's time over this one's, pair by pair: above 1 means this one is faster.</summary>
    public Percentiles? Speedup { get; init; }
}

/// <summary>
/// Measures the forward pass on random input. Two models run in turn, A B A B, and are compared pair by pair, so that whatever else
/// the machine does meets both alike.
/// </summary>
public sealed class LatencyBench(TimeProvider time)
{
    /// <summary>Images per forward pass, at least 1.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Measured runs of each model, at least 1.</summary>
    public int Runs { get; init; } = 50;

    /// <summary>Runs before those: the first ones also pay for memory and for the choice of kernels.</summary>
    public int WarmUp { get; init; } = 5;

    /// <summary>Matrix products in bf16.</summary>
    public bool Bf16 { get; init; }

    /// <summary>Seed of the input.</summary>
    public ulong Seed { get; init; }

    /// <summary>Told how many runs are done, of how many; warm-up included.</summary>
    public Action<int, int>? OnProgress { get; init; }

    /// <summary>Measures a model, alone or in turn with another one.</summary>
    public LatencyResult Measure(Model model, Model? against = null, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var run = ForwardOf(model);
        var other = against is null ? null : ForwardOf(against);
        return Measure(run, other, cancellation);
    }

    /// <summary>Measures any work, alone or in turn with another.</summary>
    public LatencyResult Measure(Action run, Action? other = null, CancellationToken cancellation = default)
    {
        List<double> mine = [], others = [];
        for (var i = 0; i < WarmUp + Runs; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var a = Milliseconds(run);
            double? b = other is null ? null : Milliseconds(other);
            OnProgress?.Invoke(i + 1, WarmUp + Runs);
            if (i < WarmUp) continue;
            mine.Add(a);
            if (b is { } measured) others.Add(measured);
        }
        var latency = Percentiles.Of(mine);
        var result = new LatencyResult(latency, Batch * 1000 / latency.Median);
        return other is null ? result : result with
        {
            AgainstLatencyMs = Percentiles.Of(others),
            Speedup = Percentiles.Of(others.Zip(mine, (b, a) => b / a)),
        };
    }

    private Action ForwardOf(Model model)
    {
        var (net, device) = (model.Architecture, model.Device);
        var pixels = Input(net).To(device);
        return () =>
        {
            using var scope = new TensorScope();
            using (new Autocast(Bf16, device)) model.Logits(pixels);
            // An accelerator only queues the work; the time that counts is the one at which it is done.
            if (device != "cpu") TorchRuntime.Synchronize(device);
        };
    }

    private Tensor Input(Architecture net)
    {
        var random = new SeededRandom(Seed, "bench input");
        var pixels = new float[ImageTensors.Floats(Batch, net.Channels, net.ImageSize)];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (float)random.NextGaussian();
        return Tensor.From<float>(pixels, [Batch, net.Channels, net.ImageSize, net.ImageSize]);
    }

    private double Milliseconds(Action run)
    {
        var begun = time.GetTimestamp();
        run();
        return time.GetElapsedTime(begun).TotalMilliseconds;
    }
}
