using System.Collections.Immutable;
using System.Text.Json;
using Espalier.Runs;

namespace Espalier.Reports;

/// <summary>Everything a finished run has to tell: <c>report.json</c> is this record, <c>report.html</c> is drawn from it alone.</summary>
public sealed record RunReport
{
    public int FormatVersion { get; init; } = 1;

    /// <summary>The command's name, e.g. <c>compress</c>.</summary>
    public required string Command { get; init; }

    /// <summary>The command exactly as typed.</summary>
    public required string CommandLine { get; init; }

    /// <summary>The same run to the byte: with <c>--steps</c> in place of <c>--minutes</c>.</summary>
    public string? RepeatCommandLine { get; init; }

    /// <summary>Version of Espalier.</summary>
    public required string Version { get; init; }

    /// <summary>Versions of what else took part, e.g. libtorch, .NET.</summary>
    public ImmutableSortedDictionary<string, string> Versions { get; init => field = value ?? ImmutableSortedDictionary<string, string>.Empty; } = ImmutableSortedDictionary<string, string>.Empty;

    public required string Model { get; init; }

    public string? Architecture { get; init; }

    public string? Method { get; init; }

    public string? Profile { get; init; }

    /// <summary>The target as typed: <c>--keep-macs 0.75</c>.</summary>
    public string? Target { get; init; }

    /// <summary>MACs at most, in the convention of the target; null when it is one of parameters.</summary>
    public double? TargetMacs { get; init; }

    /// <summary>Parameters at most; null when the target is one of MACs.</summary>
    public double? TargetParams { get; init; }

    public long Seed { get; init; }

    public int Threads { get; init; }

    public string? Device { get; init; }

    public string? Precision { get; init; }

    /// <summary>Training images used, and the hash of their list.</summary>
    public int? Images { get; init; }

    public string? ImageListHash { get; init; }

    /// <summary>Training images that could not be read and were left out.</summary>
    public int? SkippedImages { get; init; }

    public string? EvaluatedOn { get; init; }

    public int? EvaluatedCount { get; init; }

    public long? MacsBudgetBefore { get; init; }

    public long? MacsBudgetAfter { get; init; }

    public long? MacsFullBefore { get; init; }

    public long? MacsFullAfter { get; init; }

    public long? ParamsBefore { get; init; }

    public long? ParamsAfter { get; init; }

    /// <summary>Share of its latency that the network was left with, one image at a time, measured; only of a target that is one.</summary>
    public double? LatencyKept { get; init; }

    /// <summary>Fractions, as all accuracies here.</summary>
    public double? Top1Before { get; init; }

    public double? Top1After { get; init; }

    public double? Top5Before { get; init; }

    public double? Top5After { get; init; }

    /// <summary>Mean squared error of the features on images that were not trained on, right after the cut and at the end.</summary>
    public double? HeldOutMseCut { get; init; }

    public double? HeldOutMseAfter { get; init; }

    /// <summary>Share of images that were not trained on whose likeliest class is still the teacher's.</summary>
    public double? HeldOutAgreement { get; init; }

    /// <summary>Mean KL(teacher ‖ student) on images that were not trained on.</summary>
    public double? HeldOutKl { get; init; }

    /// <summary>The compressed blocks, in the order in which they were compressed.</summary>
    public ImmutableArray<int> Order { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Hidden units kept in each compressed block.</summary>
    public int? Hidden { get; init; }

    public double Seconds { get; init; }

    /// <summary>The run folder.</summary>
    public required string Output { get; init; }

    public ImmutableArray<ReportStage> Stages { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Recoverability of every candidate block, best first.</summary>
    public ImmutableArray<ReportRank> Ranking { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>The models of a sweep, the largest first.</summary>
    public ImmutableArray<ReportMember> Family { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Rounds of the structure search; empty when the structure was not searched for.</summary>
    public ImmutableArray<ReportSearch> Search { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>How a search that decides while it trains came to its widths.</summary>
    public ReportHistory? History { get; init; }

    /// <summary>Residual width of the result, where the method changes it.</summary>
    public int? EmbedDim { get; init; }

    public int? EmbedDimBefore { get; init; }

    /// <summary>Tokens that enter the first block; null where their number changes from stage to stage anyway.</summary>
    public int? Tokens { get; init; }

    /// <summary>Every block of the given model; empty in a report of an earlier version.</summary>
    public ImmutableArray<ReportBlock> StructureBefore { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Every block of the result.</summary>
    public ImmutableArray<ReportBlock> Structure { get; init => field = value.IsDefault ? [] : value; } = [];

    public ImmutableArray<ReportLoss> Losses { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Where the time went and the steps that were run, phase by phase.</summary>
    public ImmutableArray<ReportPhase> Phases { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Pictures to show, as PNG files with paths from the run folder: the synthetic metric set.</summary>
    public ImmutableArray<string> Pictures { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Remarks a reader should know: warnings, replaced heads, cached sets.</summary>
    public ImmutableArray<string> Notes { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>The text of <c>report.json</c>.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ReportJson.Default.RunReport) + "\n";

    /// <summary>Reads <c>report.json</c> of a run folder.</summary>
    public static RunReport Load(string folder)
    {
        var path = Path.Combine(folder, "report.json");
        var report = JsonFile.Read(path, ReportJson.Default.RunReport, "Give the folder of a finished run.");
        return ReportCheck.Fault(report) is { } fault ? throw new InputException($"Cannot read '{path}': {fault}. Give the folder of a finished run.") : report;
    }
}
