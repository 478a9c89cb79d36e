using Espalier.Budget;
using Espalier.Models;

namespace Espalier.Widths;

/// <summary>What changing one width does.</summary>
/// <param name="Knob">The width.</param>
/// <param name="Width">Its new value.</param>
/// <param name="Cost">Growth in the target's measure; negative for a step down.</param>
/// <param name="GainPerCost">KL lost per unit of cost added; the same number reads, for a step down, as KL added per unit saved.</param>
public sealed record Slope(Knob Knob, int Width, double Cost, double GainPerCost)
{
    /// <summary>Standard error of <see cref="GainPerCost"/>.</summary>
    public double Error { get; init; }

    /// <summary>Where the step was tried: what the width cost more than where the search started.</summary>
    public double From { get; init; }

    /// <summary>How far the width was changed; negative for a step down.</summary>
    public int Steps { get; init; }

    /// <param name="knob">The width.</param>
    /// <param name="width">Its new value.</param>
    /// <param name="growth">What that does to the distance from the teacher.</param>
    /// <param name="structure">Where it was tried.</param>
    /// <param name="measure">What the target counts.</param>
    /// <param name="start">Where the search started; by default, there.</param>
    internal static Slope Of(Knob knob, int width, Growth growth, Architecture structure, CostMeasure measure, Architecture? start = null)
    {
        var (now, here) = (knob.Read(structure), CostAt(knob.Read(structure)));
        var cost = CostAt(width) - here;
        return new Slope(knob, width, cost, -growth.Kl / cost)
        {
            Error = growth.Error / Math.Abs(cost), From = start is null ? 0 : here - CostAt(knob.Read(start)), Steps = width - now,
        };

        double CostAt(int value) => knob.Write(structure, value).Cost().In(measure);
    }
}
