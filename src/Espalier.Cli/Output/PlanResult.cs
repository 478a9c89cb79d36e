using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Espalier.Budget;
using Espalier.Reports;
using Spectre.Console;

namespace Espalier.Cli.Output;

/// <summary>Result of <c>plan</c>.</summary>
public sealed record PlanResult : CommandResult
{
    /// <summary>The target in MACs of the convention asked for; null for a target in parameters.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public required double? TargetMacs { get; init; }

    public double? TargetParams { get; init; }

    /// <summary>MACs convention of the target.</summary>
    public required string Count { get; init; }

    public required string Method { get; init; }

    public required ImmutableArray<PlanOptionResult> Options { get; init; }

    /// <summary>Index into <see cref="Options"/>.</summary>
    public required int Chosen { get; init; }

    public ImmutableArray<string> Warnings { get; init; } = [];

    /// <summary>What the method can reach; only ofb foresees it.</summary>
    public PlanReach? Reach { get; init; }

    /// <summary>What ofb may choose from.</summary>
    public ImmutableArray<PlanSubmodule>? Submodules { get; init; }

    /// <summary>The plan of a method for what was asked of it, in the measure it was asked in.</summary>
    public static PlanResult For(Limit limit, string method, ImmutableArray<PlanOptionResult> options, int chosen) => new()
    {
        TargetMacs = limit.Measure == CostMeasure.Parameters ? null : limit.Amount,
        TargetParams = limit.Measure == CostMeasure.Parameters ? limit.Amount : null,
        Count = limit.Measure == CostMeasure.MacsFull ? "full" : "budget",
        Method = method,
        Options = options,
        Chosen = chosen,
    };

    public override void Write(IAnsiConsole console)
    {
        console.WriteText(TargetMacs is { } macs
            ? $"Target: at most {macs:N0} MACs ({Count}). * marks the choice."
            : $"Target: at most {TargetParams:N0} parameters. * marks the choice.");
        if (Reach is { } reach && Submodules is { } submodules)
        {
            console.WriteText($"Within reach: {reach.Least:N0} to {reach.Most:N0}, by 10^{reach.Log10Structures:0.0} structures.");
            console.WriteTable(["submodule", "candidates", "heads", "sizes"], submodules.Select(s => (IReadOnlyList<string>)
                [s.Name, $"{s.Candidates}", string.Join(' ', s.Heads), $"{s.Dims[0]} to {s.Dims[^1]}"]));
            console.WriteText($"A search decides among them. One that meets the target: width {Options[0].EmbedDim}, {Tables.Count(Options[0].Params)} parameters, "
                + $"{Tables.Count(Options[0].MacsBudget)} MACs (budget), {Tables.Count(Options[0].MacsFull)} MACs (full)");
            console.WriteStructure(Options[0].Structure!.Value);
            foreach (var warning in Warnings) console.WriteText(warning);
            return;
        }
        if (Options is [{ Structure: { } blocks } only])
        {
            console.WriteText($"{Tables.Count(only.Params)} parameters, {Tables.Count(only.MacsBudget)} MACs (budget), {Tables.Count(only.MacsFull)} MACs (full)"
                + (only.PredictedKl is { } kl ? $"; KL from the model {Tables.Number(kl)} once repaired" : ""));
            console.WriteStructure(blocks);
            return;
        }
        console.WriteTable(
            ["", "blocks", Options.Any(o => o.HiddenRatio is not null) ? "channels kept" : "MLP ratio", "hidden", "params", "MACs (budget)", "MACs (full)"],
            Options.Select((o, i) => (IReadOnlyList<string>)
                [i == Chosen ? "*" : "", $"{o.Blocks}", (o.MlpRatio ?? o.HiddenRatio) is { } ratio ? Tables.Number(ratio) : "–", o.Hidden is { } hidden ? $"{hidden}" : "–",
                 Tables.Count(o.Params), Tables.Count(o.MacsBudget), Tables.Count(o.MacsFull)]));
        foreach (var warning in Warnings) console.WriteText(warning);
    }
}

/// <summary>One structure that meets the target.</summary>
public sealed record PlanOptionResult
{
    public required long MacsBudget { get; init; }

    public required long MacsFull { get; init; }

    public required long Params { get; init; }

    /// <summary>k: how many blocks are compressed.</summary>
    public int? Blocks { get; init; }

    public double? MlpRatio { get; init; }

    public int? Hidden { get; init; }

    /// <summary>Share of the inner channels that stays in each block of a convolutional network.</summary>
    public double? HiddenRatio { get; init; }

    /// <summary>Residual width, where the method changes it.</summary>
    public int? EmbedDim { get; init; }

    /// <summary>KL from the given model on held-out images, once repaired and before any training; only espalier foresees it.</summary>
    public double? PredictedKl { get; init; }

    /// <summary>Widths of every block; null until the blocks are chosen.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ImmutableArray<ReportBlock>? Structure { get; init; }
}

/// <summary>Costs within reach, in the target's measure, and how many structures there are.</summary>
public sealed record PlanReach(long Least, long Most, double Log10Structures);

/// <summary>The sizes a submodule may be cut to: head counts ([1] where there are none) times dims.</summary>
public sealed record PlanSubmodule(string Name, int Candidates, ImmutableArray<int> Heads, ImmutableArray<int> Dims);
