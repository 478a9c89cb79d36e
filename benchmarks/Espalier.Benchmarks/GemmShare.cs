using System.Diagnostics;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Benchmarks;

/// <summary>How much of what the processor's bf16 matrix products can do a ViT-B training step uses.</summary>
internal static class GemmShare
{
    private const int Side = 1536, Batch = 8, Products = 8;

    /// <summary>Measures both in turns and prints.</summary>
    /// <param name="repetitions">Pairs, after one that does not count.</param>
    public static void Measure(int repetitions)
    {
        TorchRuntime.Threads = Environment.ProcessorCount;
        var vit = VitRegistry.Find("vit_base_patch16_224")!;
        using var network = new NetworkSteps(new Workload("step", "bf16", Environment.ProcessorCount, Batch), vit);
        // A forward pass and twice as much backward; two operations are one multiplication and addition.
        var step = 6.0 * VitCost.Of(vit.Architecture).MacsFull * Batch;
        List<(double Peak, double Step)> rates = [];
        for (var k = 0; k <= repetitions; k++) rates.Add((Peak(), step / Seconds(() => network.Do(1))));
        rates.RemoveAt(0);
        Console.WriteLine(FormattableString.Invariant($"""
            | bf16, {Environment.ProcessorCount} threads | GFLOP/s | min-max |
            |---|---:|---|
            | product of two {Side}x{Side} matrices | {Comparison.Median(rates.Select(r => r.Peak)) / 1e9:F0} | {rates.Min(r => r.Peak) / 1e9:F0}-{rates.Max(r => r.Peak) / 1e9:F0} |
            | ViT-B training step, batch {Batch} | {Comparison.Median(rates.Select(r => r.Step)) / 1e9:F0} | {rates.Min(r => r.Step) / 1e9:F0}-{rates.Max(r => r.Step) / 1e9:F0} |

            Share: **{Comparison.Median(rates.Select(r => r.Step / r.Peak)):P0}** ({rates.Min(r => r.Step / r.Peak):P0}-{rates.Max(r => r.Step / r.Peak):P0}), {repetitions} pairs.
            """));
    }

    private static double Peak()
    {
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        Tensor a = Tensor.RandN([Side, Side]).To(DType.BFloat16), b = Tensor.RandN([Side, Side]).To(DType.BFloat16);
        a.MatMul(b);
        return Products * 2.0 * Side * Side * Side / Seconds(() =>
        {
            for (var k = 0; k < Products; k++) a.MatMul(b);
        });
    }

    private static double Seconds(Action work)
    {
        var begun = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }
}
