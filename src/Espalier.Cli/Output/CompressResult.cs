using System.Collections.Immutable;
using Espalier.Reports;
using Spectre.Console;

namespace Espalier.Cli.Output;

/// <summary>Result of <c>compress</c>.</summary>
public sealed record CompressResult : CommandResult
{
    public required long MacsBudgetBefore { get; init; }

    public required long MacsBudgetAfter { get; init; }

    public required long MacsFullBefore { get; init; }

    public required long MacsFullAfter { get; init; }

    public required long ParamsBefore { get; init; }

    public required long ParamsAfter { get; init; }

    public required ImmutableArray<int> Order { get; init; }

    public required double Seconds { get; init; }

    public required string Output { get; init; }

    public required ImmutableArray<ReportStage> Stages { get; init; }

    /// <summary>Every block of the result.</summary>
    public ImmutableArray<ReportBlock>? Structure { get; init; }

    /// <summary>Residual width of the result, where the method changes it.</summary>
    public int? EmbedDim { get; init; }

    /// <summary>Share of the latency that is left, measured; only of a target that is one.</summary>
    public double? LatencyKept { get; init; }

    public double? Top1Before { get; init; }

    public double? Top1After { get; init; }

    public double? Top5Before { get; init; }

    public double? Top5After { get; init; }

    /// <summary>The result of a run that is told by <paramref name="report"/>.</summary>
    public static CompressResult Of(RunReport report) => new()
    {
        MacsBudgetBefore = report.MacsBudgetBefore ?? 0, MacsBudgetAfter = report.MacsBudgetAfter ?? 0,
        MacsFullBefore = report.MacsFullBefore ?? 0, MacsFullAfter = report.MacsFullAfter ?? 0,
        ParamsBefore = report.ParamsBefore ?? 0, ParamsAfter = report.ParamsAfter ?? 0,
        Order = report.Order, Structure = report.Structure.IsEmpty ? null : report.Structure, Seconds = report.Seconds, Output = report.Output, Stages = report.Stages,
        EmbedDim = report.EmbedDim, LatencyKept = report.LatencyKept,
        Top1Before = report.Top1Before, Top1After = report.Top1After, Top5Before = report.Top5Before, Top5After = report.Top5After,
    };

    public override void Write(IAnsiConsole console)
    {
        List<IReadOnlyList<string>> rows =
        [
            ["parameters", Tables.Count(ParamsBefore), Tables.Count(ParamsAfter), Tables.Share(ParamsBefore, ParamsAfter)],
            ["MACs (budget)", Tables.Count(MacsBudgetBefore), Tables.Count(MacsBudgetAfter), Tables.Share(MacsBudgetBefore, MacsBudgetAfter)],
            ["MACs (full)", Tables.Count(MacsFullBefore), Tables.Count(MacsFullAfter), Tables.Share(MacsFullBefore, MacsFullAfter)],
        ];
        if (LatencyKept is { } latency) rows.Add(["latency", "", "", Tables.Percent(latency)]);
        if (Top1Before is { } top1 && Top1After is { } top1After) rows.Add(["top-1", Tables.Percent(top1), Tables.Percent(top1After), ""]);
        if (Top5Before is { } top5 && Top5After is { } top5After) rows.Add(["top-5", Tables.Percent(top5), Tables.Percent(top5After), ""]);
        console.WriteTable(["", "before", "after", "left"], rows);
        console.WriteTable(
            ["stage", "block", "metric", "top-1"],
            Stages.Select(s => (IReadOnlyList<string>)[s.Stage, s.Block?.ToString() ?? "–", Tables.Number(s.Metric), s.Top1 is { } top ? Tables.Percent(top) : "–"]));
        if (EmbedDim is { } width) console.WriteText($"Width {width}");
        if (Structure is { } blocks) console.WriteStructure(blocks);
        console.WriteText($"{(Order.IsEmpty ? "Compressed" : $"Compressed blocks {string.Join(", ", Order)}")} in {Seconds:0} s. Written to {Output}");
    }
}
