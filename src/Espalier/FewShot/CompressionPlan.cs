using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models;

namespace Espalier.FewShot;

/// <summary>What a method can do for a target, as far as arithmetic alone tells.</summary>
/// <param name="Limit">The target in its measure.</param>
/// <param name="Options">Everything that meets it; at least one.</param>
/// <param name="Chosen">Index into <paramref name="Options"/> of what the method would take.</param>
/// <param name="Example">A structure that meets the target, as far as can be told before anything is measured.</param>
public sealed record CompressionPlan(Limit Limit, ImmutableArray<PlanOption> Options, int Chosen, Architecture Example)
{
    /// <summary>What the user should know about the choice.</summary>
    public ImmutableArray<string> Warnings { get; init; } = [];

    public PlanOption ChosenOption => Options[Chosen];

    /// <summary>The plan of a method that knows a single structure.</summary>
    internal static CompressionPlan Of(Limit limit, Architecture only) => new(limit, [new PlanOption(only.Cost()) { Structure = only }], 0, only);
}

/// <summary>A structure that meets a target, or several that differ only in which blocks are edited.</summary>
/// <param name="Cost">Of the whole network; where blocks differ, the most it can be.</param>
public sealed record PlanOption(Cost Cost)
{
    /// <summary>How many blocks are edited; null when the structure says it.</summary>
    public int? Blocks { get; init; }

    /// <summary>ρ: hidden units kept per embedding dimension, before rounding.</summary>
    public double? MlpRatio { get; init; }

    /// <summary>h: hidden units kept in each edited block; null where blocks differ.</summary>
    public int? Hidden { get; init; }

    /// <summary>Share of its inner channels that each edited block of a convolutional network keeps.</summary>
    public double? HiddenRatio { get; init; }

    /// <summary>All of it; null until the blocks are chosen.</summary>
    public Architecture? Structure { get; init; }
}
