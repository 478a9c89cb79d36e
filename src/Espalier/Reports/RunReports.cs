using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Compute;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Runs;
using Espalier.Torch;

namespace Espalier.Reports;

/// <summary>What the reports of all runs share; each method adds its own.</summary>
internal static class RunReports
{
    /// <summary>The option that sets one switch of a method.</summary>
    public const string Switch = "--switch";

    // A command may take a tenth more than it was given.
    private const double MostOfTime = 1.1;
    private static readonly string[] s_effort = ["--minutes", "--steps", "--epochs", "--rank-steps", "--synthesis-steps"];

    /// <summary>The report of a run, but for what it came to.</summary>
    /// <param name="folder">What was asked, and how long all sittings took.</param>
    /// <param name="model">The given model.</param>
    /// <param name="compute">How it was computed.</param>
    /// <param name="eval">What accuracy was measured on.</param>
    /// <param name="seed">The run's seed.</param>
    public static RunReport Begin(RunFolder folder, ModelSource model, ComputeOptions compute, ImageDataset? eval, ulong seed) => new()
    {
        Command = folder.Manifest.Command,
        CommandLine = folder.Manifest.IsTyped ? CommandLineText.Of(folder.Manifest.Arguments) : "(a program that uses the library)",
        Version = folder.Manifest.Version,
        Versions = ImmutableSortedDictionary<string, string>.Empty.Add(".NET", Environment.Version.ToString()).Add("libtorch", TorchRuntime.Version),
        Model = model.Model,
        Architecture = model.Architecture.Name,
        Tokens = model.Architecture is VitArchitecture { Staged: false } net ? net.Tokens : null,
        StructureBefore = ReportBlock.Of(model.Architecture),
        Seed = (long)seed,
        Threads = compute.ThreadCount,
        Device = compute.Device,
        Precision = compute.PrecisionName,
        EvaluatedOn = eval?.Name,
        EvaluatedCount = eval?.Count,
        Seconds = folder.State.Seconds,
        Output = folder.Path,
    };

    /// <summary>The report with what the network cost before and costs now.</summary>
    public static RunReport With(this RunReport report, Cost? before, Cost? after) => report with
    {
        MacsBudgetBefore = before?.MacsBudget,
        MacsBudgetAfter = after?.MacsBudget,
        MacsFullBefore = before?.MacsFull,
        MacsFullAfter = after?.MacsFull,
        ParamsBefore = before?.Parameters,
        ParamsAfter = after?.Parameters,
    };

    /// <summary>The report with what the network was to cost at most.</summary>
    public static RunReport With(this RunReport report, Limit limit) => limit.Measure == CostMeasure.Parameters
        ? report with { TargetParams = limit.Amount } : report with { TargetMacs = limit.Amount };

    /// <summary>A remark when training images were left out.</summary>
    public static IEnumerable<string> Skipped(int images)
    {
        if (images > 0) yield return $"{images} training {(images == 1 ? "image" : "images")} could not be read and {(images == 1 ? "was" : "were")} left out (a strict training refuses them).";
    }

    /// <summary>Remarks when time ended a training before its planned steps were done, and when even the least work took longer than the time.</summary>
    /// <param name="folder">The run, which knows how long all sittings took.</param>
    /// <param name="time">What was asked for; null without a limit.</param>
    /// <param name="stoppedEarly">Whether planned steps were left out.</param>
    public static IEnumerable<string> Timed(RunFolder folder, TimeSpan? time, bool stoppedEarly)
    {
        if (stoppedEarly) yield return "Time ran out before all planned steps were done, so this run cannot be repeated exactly.";
        if (time is { } asked && folder.State.Seconds > MostOfTime * asked.TotalSeconds)
            yield return FormattableString.Invariant(
                $"It took {folder.State.Seconds / 60:0.0} minutes, not {asked.TotalMinutes:0.##}: on this machine even the least work takes longer. Give it more time, fewer images, or a smaller evaluation.");
    }

    /// <summary>
    /// The command that repeats a run exactly: as typed, with other words for how long it works, switches among them; null when it was not typed.
    /// </summary>
    public static string? Repeat(RunManifest manifest, IEnumerable<(string Option, string Value)> effort)
    {
        if (!manifest.IsTyped) return null;
        var given = effort.ToList();
        var switches = given.Where(e => e.Option == Switch).Select(e => e.Value[..(e.Value.IndexOf('=') + 1)]).ToList();
        var arguments = CommandLineText.Without(CommandLineText.Without(manifest.Arguments, s_effort), [Switch],
            value => switches.Any(s => value.Replace('-', '_').StartsWith(s, StringComparison.Ordinal)));
        return CommandLineText.Of([.. arguments, .. given.SelectMany(e => new[] { e.Option, e.Value })]);
    }
}
