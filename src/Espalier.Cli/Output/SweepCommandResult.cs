using System.Collections.Immutable;
using Espalier.Reports;
using Spectre.Console;

namespace Espalier.Cli.Output;

/// <summary>Result of <c>sweep</c>.</summary>
public sealed record SweepCommandResult : CommandResult
{
    public required long MacsBudgetBefore { get; init; }

    public required long MacsFullBefore { get; init; }

    public required long ParamsBefore { get; init; }

    public double? Top1Before { get; init; }

    /// <summary>The family, the largest model first; folders are relative to <see cref="Output"/>.</summary>
    public required ImmutableArray<ReportMember> Models { get; init; }

    public required double Seconds { get; init; }

    public required string Output { get; init; }

    /// <summary>The result of a run that is told by <paramref name="report"/>.</summary>
    public static SweepCommandResult Of(RunReport report) => new()
    {
        MacsBudgetBefore = report.MacsBudgetBefore ?? 0, MacsFullBefore = report.MacsFullBefore ?? 0, ParamsBefore = report.ParamsBefore ?? 0,
        Top1Before = report.Top1Before, Models = report.Family, Seconds = report.Seconds, Output = report.Output,
    };

    public override void Write(IAnsiConsole console)
    {
        console.WriteTable(["keep", "parameters", "MACs (budget)", "agreement", "KL", "top-1", "folder"],
            Models.Select(m => (IReadOnlyList<string>)
            [
                Tables.Percent(m.Keep), Tables.Count(m.Params), Tables.Count(m.MacsBudget),
                m.HeldOutAgreement is { } agreement ? Tables.Percent(agreement) : "–", m.HeldOutKl is { } kl ? Tables.Number(kl) : "–",
                m.Top1 is { } top1 ? Tables.Percent(top1) : "–", m.Output,
            ]));
        console.WriteText($"{Models.Length} models in {Seconds:0} s. Written to {Output}");
    }
}
