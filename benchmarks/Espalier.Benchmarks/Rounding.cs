using Espalier.Evaluation;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Benchmarks;

/// <summary>What widths that are multiples of 8, 16 or 32 are worth: the time of a ViT cut alike everywhere, per MAC, against one with odd widths.</summary>
internal static class Rounding
{
    private const double Keep = 0.75;

    /// <summary>Measures and prints.</summary>
    /// <param name="name">A timm name.</param>
    /// <param name="threads">Threads of one operation.</param>
    /// <param name="batches">Images at a time, a row each.</param>
    public static void Compare(string name, int threads, params int[] batches)
    {
        TorchRuntime.Threads = threads;
        var entry = VitRegistry.Find(name) ?? throw new ArgumentException($"There is no plain Vision Transformer '{name}'.");
        using var odd = Cut(entry, 1);
        Console.WriteLine($"| {name}, {threads} threads, fp32 | batch | MACs | time | time per MAC | min-max |\n|---|---:|---:|---:|---:|---|");
        foreach (var multiple in new[] { 8, 16, 32 })
        {
            using var rounded = Cut(entry, multiple);
            var macs = (double)VitCost.Of(rounded.Architecture).MacsFull / VitCost.Of(odd.Architecture).MacsFull;
            foreach (var batch in batches)
            {
                var speedup = new LatencyBench(TimeProvider.System) { Batch = batch }.Measure(rounded, odd, CancellationToken.None).Speedup!;
                Console.WriteLine(FormattableString.Invariant(
                    $"| multiples of {multiple} | {batch} | {macs:F3} | {1 / speedup.Median:F3} | **{1 / speedup.Median / macs:F3}** | {1 / speedup.P90 / macs:F3}-{1 / speedup.P10 / macs:F3} |"));
            }
        }
        Console.WriteLine("\nRelative to widths that are odd numbers, in turns; below 1 in the fifth column, rounding pays.");
    }

    // Every width about the same share of the whole: the next odd number below, or the nearest multiple.
    private static VitModel Cut(VitEntry entry, int multiple)
    {
        var net = entry.Architecture.WithBlocks(b => b with { QkDim = Width(b.QkDim), VDim = Width(b.VDim), MlpHidden = Width(b.MlpHidden), AttentionScale = 1 / Math.Sqrt(b.QkDim) });
        return VitInit.Random(net, entry.Preprocessing, seed: 0);

        int Width(int full)
        {
            var width = full * Keep;
            return multiple == 1 ? ((int)width - 1) | 1 : Math.Max(1, (int)Math.Round(width / multiple)) * multiple;
        }
    }
}
