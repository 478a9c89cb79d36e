using System.Collections.Immutable;
using Espalier.Compute;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Reports;
using Espalier.Torch;

namespace Espalier.Cli.Commands;

/// <summary>What the reports of all commands share; each adds its own.</summary>
internal static class RunReports
{
    /// <summary>The report of a run, but for what it came to.</summary>
    /// <param name="context">The command.</param>
    /// <param name="model">As typed, and its architecture.</param>
    /// <param name="compute">How it was computed.</param>
    /// <param name="eval">As typed, and what it holds.</param>
    /// <param name="output">The run folder.</param>
    /// <param name="seconds">Time of all sittings.</param>
    public static RunReport Begin(CommandContext context, (string Name, Architecture Net) model, ComputeOptions compute,
        (string? Name, ImageDataset? Data) eval, string output, double seconds) => new()
    {
        Command = context.Command,
        CommandLine = context.CommandLine,
        Version = CliVersion.Text,
        Versions = ImmutableSortedDictionary<string, string>.Empty.Add(".NET", Environment.Version.ToString()).Add("libtorch", TorchRuntime.Version),
        Model = model.Name,
        Architecture = model.Net.Name,
        Tokens = model.Net is VitArchitecture { Staged: false } net ? net.Tokens : null,
        StructureBefore = ReportBlock.Of(model.Net),
        Seed = context.Common.Seed,
        Threads = compute.ThreadCount,
        Device = compute.Device,
        Precision = compute.PrecisionName,
        EvaluatedOn = eval.Name,
        EvaluatedCount = eval.Data?.Count,
        Seconds = seconds,
        Output = output,
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

    /// <summary>A remark when training images were left out.</summary>
    public static IEnumerable<string> Skipped(int images)
    {
        if (images > 0) yield return $"{images} training {(images == 1 ? "image" : "images")} could not be read and {(images == 1 ? "was" : "were")} left out (--strict refuses them).";
    }

    /// <summary>The command that repeats a run exactly: as typed, with other words for how long it works.</summary>
    public static string Repeat(CommandContext context, params IEnumerable<string> effort)
    {
        var arguments = new List<string>();
        for (var i = 0; i < context.Arguments.Length; i++)
        {
            if (context.Arguments[i] is "--minutes" or "--steps" or "--epochs" or "--rank-steps" or "--synthesis-steps") i++;
            else arguments.Add(context.Arguments[i]);
        }
        return CommandLineText.Of([.. arguments, .. effort]);
    }
}
