using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Espalier.Budget;
using Espalier.OwnMethod;

namespace Espalier;

/// <summary>What <see cref="EspalierModel.Sweep"/> shall do. The method is always <c>espalier</c>.</summary>
public sealed record SweepOptions : CompressOptions
{
    /// <summary>All sizes as shares of the MACs that stay (<see cref="Budget.Target.KeepMacs"/>), the largest first. The time is 20 minutes, and 2.5 more for each size after the first.</summary>
    [SetsRequiredMembers]
    public SweepOptions(params ImmutableArray<Target> targets)
    {
        if (targets.IsDefaultOrEmpty) throw new UsageException("A family needs at least one size.");
        (Targets, Target, Time) = (targets, targets[^1], DefaultTime(targets.Length));
    }

    /// <summary>A family of which all models are asked the same.</summary>
    /// <param name="shared">What that is, but for the size.</param>
    /// <param name="targets">All sizes, the largest first.</param>
    [SetsRequiredMembers]
    public SweepOptions(CompressOptions shared, ImmutableArray<Target> targets) : base(shared)
    {
        if (targets.IsDefaultOrEmpty) throw new UsageException("A family needs at least one size.");
        (Targets, Target) = (targets, targets[^1]);
    }

    /// <summary>Sizes evenly spaced, as shares of the given model's MACs.</summary>
    /// <param name="from">The largest.</param>
    /// <param name="to">The smallest.</param>
    /// <param name="points">How many.</param>
    public static SweepOptions Between(double from, double to, int points)
    {
        if (points < 1 || from < to) throw new UsageException(FormattableString.Invariant($"{points} sizes from {from} to {to}: give at least 1, the largest first."));
        return new([.. Enumerable.Range(0, points).Select(k => Target.KeepMacs(from + (to - from) * k / Math.Max(1, points - 1)))]);
    }

    public ImmutableArray<Target> Targets { get; }

    /// <summary>Gradient steps of each model, in the order of the targets; empty when <see cref="CompressOptions.Steps"/> or the time says it.</summary>
    public ImmutableArray<long> StepsOfEach { get; init; } = [];

    /// <summary>Rounds of each structure search, the one for the largest model first; empty when the switches say it for all.</summary>
    public ImmutableArray<int> RoundsOfEach { get; init; } = [];

    // Search and statistics are shared, so that each further model takes an eighth of what the first does.
    internal static TimeSpan DefaultTime(int sizes) => TimeSpan.FromMinutes(20 + 2.5 * (sizes - 1));

    /// <summary>Switches of the method.</summary>
    public EspalierOptions Espalier { get; init; } = new();
}
