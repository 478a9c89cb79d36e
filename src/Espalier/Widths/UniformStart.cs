using Espalier.Budget;
using Espalier.Models;

namespace Espalier.Widths;

/// <summary>
/// Where a search starts: every block cut alike. q/k dimensions, which repair best, go twice as fast as hidden units; value dimensions only
/// where a quarter of those is not enough.
/// </summary>
public static class UniformStart
{
    private const double LeastShare = 0.125;
    private const double ValuesFrom = 0.25;
    private const int Bisections = 50;

    /// <summary>The mildest uniform cut that meets the limit, filled up with hidden units to just below it.</summary>
    /// <param name="given">The network.</param>
    /// <param name="limit">What must be met.</param>
    /// <param name="knobs">Widths that may change.</param>
    /// <param name="even">Cut all kinds of widths by the same share.</param>
    /// <exception cref="BudgetException">The target is met already or cannot be reached.</exception>
    public static T Find<T>(T given, Limit limit, IReadOnlyCollection<Knob> knobs, bool even = false) where T : Architecture
    {
        var (before, least) = (given.Cost(), At(given, knobs, 1, even));
        if (limit.Met(before))
            throw new BudgetException($"{given.Name} has {limit.Measure.Describe(before.In(limit.Measure))}; that is within {limit.Describe()} already.");
        if (!limit.Met(least.Cost()))
            throw new BudgetException($"Narrower blocks cannot bring {given.Name} to {limit.Describe()}: they reach " +
                $"{limit.Measure.Describe(least.Cost().In(limit.Measure))} to {limit.Measure.Describe(before.In(limit.Measure))}.");
        double low = 0, high = 1;
        for (var k = 0; k < Bisections; k++)
        {
            var middle = (low + high) / 2;
            (low, high) = limit.Met(At(given, knobs, middle, even).Cost()) ? (low, middle) : (middle, high);
        }
        return Filling.Fill(At(given, knobs, high, even), given, limit, knobs);
    }

    private static T At<T>(T given, IReadOnlyCollection<Knob> knobs, double cut, bool even) where T : Architecture => knobs.Aggregate(given, (net, knob) =>
    {
        var share = knob.Kind switch
        {
            _ when even => cut,
            WidthKind.QueryKey => Math.Min(2 * cut, 1),
            WidthKind.Value => Math.Max(0, (cut - ValuesFrom) / (1 - ValuesFrom)),
            _ => cut,
        };
        return knob.Write(net, Rounded(given, knob, share));
    });

    // Head widths in steps of an eighth; hidden units to the unit, as they carry the exact size.
    private static int Rounded(Architecture given, Knob knob, double cut)
    {
        var (full, step) = (knob.Read(given), knob.Kind == WidthKind.Hidden ? knob.Least : knob.Step(given));
        var width = (int)Math.Round(full * (1 - cut * (1 - LeastShare)) / step) * step;
        return knob.Down(Math.Clamp(width, Math.Max(1, (int)(full * LeastShare)), full), given);
    }
}
