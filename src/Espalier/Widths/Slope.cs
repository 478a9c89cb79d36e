using Espalier.Budget;
using Espalier.Models;

namespace Espalier.Widths;

/// <summary>What changing one width does.</summary>
/// <param name="Knob">The width.</param>
/// <param name="Width">Its new value.</param>
/// <param name="Cost">Growth in the target's measure; negative for a step down.</param>
/// <param name="GainPerCost">KL lost per unit of cost added; the same number reads, for a step down, as KL added per unit saved.</param>
internal sealed record Slope(Knob Knob, int Width, double Cost, double GainPerCost)
{
    /// <summary>Standard error of <see cref="GainPerCost"/>.</summary>
    internal double Error { get; init; }

    internal static Slope Of(Knob knob, int width, Growth growth, Architecture structure, CostMeasure measure)
    {
        var cost = knob.Write(structure, width).Cost().In(measure) - structure.Cost().In(measure);
        return new Slope(knob, width, cost, -growth.Kl / cost) { Error = growth.Error / Math.Abs(cost) };
    }
}
