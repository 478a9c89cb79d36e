using System.Security.Cryptography;
using System.Text;
using Espalier.Budget;
using Espalier.Compute;
using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.Runs;

namespace Espalier.Evaluation;

/// <summary>
/// Targets that are a share of the latency: methods plan in MACs, so they become the MACs at which structures as the method makes them were measured to
/// be that fast. Measured once for a machine, a network and a method; a run remembers what it began with.
/// </summary>
internal sealed class LatencyTarget(ComputeOptions compute, TimeProvider time, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
{
    private const string Stage = "latency", RunFile = "latency.json";
    private const double Share = 0.02;
    private const int LeastPairs = 3, Pairs = 50;
    // One process measures, alone.
    private readonly ComputeOptions _alone = compute with { Group = null };

    /// <summary>Where measurements on this processor are kept for later; null keeps none. Nothing says which accelerator another time it is.</summary>
    public string? CacheFolder { get; init => field = compute.Device == "cpu" ? value : null; }

    /// <summary>The run that is gone on with; null when there is none.</summary>
    public string? Resumed { get; init; }

    /// <summary>The target, a share of the latency measured; any other as it is.</summary>
    /// <param name="target">What is asked.</param>
    /// <param name="model">The network to compress.</param>
    /// <param name="structure">What the method would begin with for another target; may throw <see cref="BudgetException"/>.</param>
    /// <exception cref="BudgetException">No structure is as fast.</exception>
    public Target Measured(Target target, ModelSource model, Func<Target, Architecture> structure)
    {
        if (target.Form != TargetForm.Latency) return target;
        if (compute.Group is not { } group) return target with { MacsAtLatency = Macs(target, model, structure) };
        double macs = 0;
        if (group.IsFirst)
            using (group.Alone()) macs = Macs(target, model, structure);
        return target with { MacsAtLatency = group.Agree(macs) };
    }

    /// <summary>Lets the run go on with the same MACs when it is resumed, wherever that is.</summary>
    public static void Remember(Target target, RunFolder folder)
    {
        if (target.MacsAtLatency is { } macs) StepFile.Write(folder.Path, RunFile, new Remembered(target.Value, macs));
    }

    /// <summary>The share of its latency that the given network was left with, measured in turn; null when the target was another one.</summary>
    /// <param name="target">What was asked.</param>
    /// <param name="given">The network before.</param>
    /// <param name="output">Folder of the network after.</param>
    /// <param name="total">The run's time, which has no phase for this: as many pairs as a small part of it allows; null takes all.</param>
    public double? Achieved(Target target, ModelSource given, string output, TimeSpan? total)
    {
        if (target.Form != TargetForm.Latency || compute.Group is { IsFirst: false }) return null;
        using var before = given.Load(compute.Device);
        using var after = ModelSource.Open(output).Load(compute.Device);
        LatencyBench Bench(int warmUp, int runs) => new(time) { Bf16 = compute.EvaluatesInBf16, WarmUp = warmUp, Runs = runs };
        var pairs = Pairs;
        if (total is { } all)
        {
            var begun = time.GetTimestamp();
            Bench(warmUp: 1, runs: 1).Measure(after, before, cancellation);
            pairs = (int)Math.Clamp(2 * Share * all / time.GetElapsedTime(begun), LeastPairs, Pairs);
        }
        return 1 / Bench(warmUp: pairs / 10, pairs).Measure(after, before, cancellation).Speedup!.Median;
    }

    private double Macs(Target target, ModelSource model, Func<Target, Architecture> structure)
    {
        if (Resumed is { } run && StepFile.Read<Remembered>(run, RunFile) is { } remembered)
            return remembered.Latency == target.Value ? remembered.MacsFull : throw new UsageException(FormattableString.Invariant(
                $"The run was begun for {100 * remembered.Latency:0.##} % of the latency and cannot go on with {100 * target.Value:0.##} %: begin another one.")) { Settings = ["Latency"] };
        var structures = LatencyCurve.Structures(structure);
        var key = Key([model.Architecture, .. structures]) + ".json";
        var curve = Kept(key) ?? Measure(model, structures, key);
        var macs = Reachable(curve, curve.MacsFor(target.Value), structure);
        progress.Report(ProgressUpdate.Message(Stage, FormattableString.Invariant(
            $"{100 * target.Value:0.#} % of the latency are {100 * macs / curve.DenseMacsFull:0.#} % of the MACs (full) here, with one image at a time and {_alone.ThreadCount} threads")));
        return macs;
    }

    // A method that takes large steps may not come between two sizes; then it takes the smaller one, which was timed.
    private static double Reachable(LatencyCurve curve, double macs, Func<Target, Architecture> structure) =>
        LatencyCurve.Try(structure, new Target(TargetForm.Macs, macs, CountConvention.Full)) is not null ? macs
            : curve.Points.Select(p => (double)p.MacsFull).Where(m => m <= macs).DefaultIfEmpty(macs).Max();

    private LatencyCurve Measure(ModelSource model, IEnumerable<Architecture> structures, string key)
    {
        progress.Report(ProgressUpdate.Message(Stage, "timing structures of several sizes"));
        _alone.Apply();
        using var dense = model.Load(compute.Device);
        var curve = LatencyCurve.Measure(dense, structures, compute.EvaluatesInBf16, time, cancellation);
        Keep(key, curve);
        return curve;
    }

    private LatencyCurve? Kept(string key)
    {
        try
        {
            return CacheFolder is { } cache ? StepFile.Read<LatencyCurve>(Path.Combine(cache, Stage), key) : null;
        }
        catch (Exception e) when (e is InputException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private void Keep(string key, LatencyCurve curve)
    {
        if (CacheFolder is not { } cache) return;
        try
        {
            StepFile.Write(Directory.CreateDirectory(Path.Combine(cache, Stage)).FullName, key, curve);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FailureException)
        {
            // A cache that cannot be written is no reason to fail.
        }
    }

    private string Key(IEnumerable<Architecture> nets)
    {
        var shapes = nets.Select(n => string.Join(';', [$"{n.Name} {n.ImageSize} {n.Features}", .. n.BlockFacts().Select(b => b.ToString())]));
        var text = string.Join('\n', [Processor(), compute.Device, $"{_alone.ThreadCount} {compute.EvaluatesInBf16}", .. shapes]);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
    }

    private static string Processor() => File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) ?? "" : "";

    private sealed record Remembered(double Latency, double MacsFull);
}
