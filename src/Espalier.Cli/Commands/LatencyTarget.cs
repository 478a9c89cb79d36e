using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Espalier.Budget;
using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.Runs;

namespace Espalier.Cli.Commands;

/// <summary>
/// <c>--latency</c>: methods plan in MACs, so a share of the latency becomes the MACs at which structures as the method makes them were measured to be
/// that fast. Measured once for a machine, a network and a method; a run remembers what it began with.
/// </summary>
internal static class LatencyTarget
{
    private const string Stage = "latency", RunFile = "latency.json";
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>The target, a share of the latency measured; any other as it is.</summary>
    /// <param name="target">As typed.</param>
    /// <param name="model">The network to compress.</param>
    /// <param name="structure">What the method would begin with for another target; may throw <see cref="BudgetException"/>.</param>
    /// <param name="context">The command.</param>
    public static Target Measured(this Target target, ModelSource model, Func<Target, Architecture> structure, CommandContext context)
    {
        if (target.Form != TargetForm.Latency) return target;
        return target with { MacsAtLatency = context.FromFirst(() => Macs(target, model, structure, context)) };
    }

    private static double Macs(Target target, ModelSource model, Func<Target, Architecture> structure, CommandContext context)
    {
        if (context.ResumedFolder is { } run && Read<Remembered>(Path.Combine(run, RunFile)) is { } remembered) return remembered.MacsFull;
        var compute = Computing.Of(context.Common);
        var structures = LatencyCurve.Structures(structure);
        var path = Path.Combine(FewShotSetup.CacheFolder(), Stage, Key([model.Architecture, .. structures], compute) + ".json");
        var curve = Read<LatencyCurve>(path) ?? Measure(model, structures, compute, context, path);
        var macs = Reachable(curve, curve.MacsFor(target.Value), structure);
        context.Progress.Report(ProgressUpdate.Message(Stage, FormattableString.Invariant(
            $"{100 * target.Value:0.#} % of the latency are {100 * macs / curve.DenseMacsFull:0.#} % of the MACs (full) here, with one image at a time and {compute.ThreadCount} threads")));
        return macs;
    }

    /// <summary>The request with its target measured, for the structures a method would begin with.</summary>
    public static FewShotRequest Measured(this FewShotRequest request, Func<FewShotRequest, IFewShotMethod> method, CommandContext context) =>
        request with { Target = request.Target.Measured(request.Model, target => method(request with { Target = target }).Plan.Example, context) };

    /// <summary>Lets the run go on with the same MACs when it is resumed, wherever that is.</summary>
    public static void Remember(this Target target, RunFolder folder)
    {
        if (target.MacsAtLatency is { } macs) Write(Path.Combine(folder.Path, RunFile), new Remembered(target.Value, macs));
    }

    /// <summary>The share of its latency that the given network was left with, measured in turn; null when the target was another one.</summary>
    public static double? Achieved(this Target target, ModelSource given, string output, CommandContext context)
    {
        if (target.Form != TargetForm.Latency || context.Group is { IsFirst: false }) return null;
        var compute = Computing.Of(context.Common);
        using var before = given.Load(compute.Device);
        using var after = ModelSource.Open(output).Load(compute.Device);
        return 1 / new LatencyBench(context.Time) { Bf16 = compute.EvaluatesInBf16 }.Measure(after, before, context.Cancellation).Speedup!.Median;
    }

    // A method that takes large steps may not come between two sizes; then it takes the smaller one, which was timed.
    private static double Reachable(LatencyCurve curve, double macs, Func<Target, Architecture> structure) =>
        LatencyCurve.Try(structure, new Target(TargetForm.Macs, macs, CountConvention.Full)) is not null ? macs
            : curve.Points.Select(p => (double)p.MacsFull).Where(m => m <= macs).DefaultIfEmpty(macs).Max();

    private static LatencyCurve Measure(ModelSource model, IEnumerable<Architecture> structures, ComputeOptions compute, CommandContext context, string path)
    {
        context.Progress.Report(ProgressUpdate.Message(Stage, "timing structures of several sizes"));
        compute.Apply();
        using var dense = model.Load(compute.Device);
        var curve = LatencyCurve.Measure(dense, structures, compute.EvaluatesInBf16, context.Time, context.Cancellation);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            Write(path, curve);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FailureException)
        {
            // A cache that cannot be written is no reason to fail.
        }
        return curve;
    }

    private static string Key(IEnumerable<Architecture> nets, ComputeOptions compute)
    {
        var shapes = nets.Select(n => string.Join(';', [$"{n.Name} {n.ImageSize} {n.Features}", .. n.BlockFacts().Select(b => b.ToString())]));
        var text = string.Join('\n', [Processor(), compute.Device, $"{compute.ThreadCount} {compute.EvaluatesInBf16}", .. shapes]);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
    }

    private static string Processor() => File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) ?? "" : "";

    private static T? Read<T>(string path) where T : class
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), s_json) : null;
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            return null;
        }
    }

    private static void Write<T>(string path, T value) => AtomicFile.WriteText(path, JsonSerializer.Serialize(value, s_json) + "\n");

    private sealed record Remembered(double Latency, double MacsFull);
}
