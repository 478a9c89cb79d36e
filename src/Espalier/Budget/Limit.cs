using Espalier.Models;

namespace Espalier.Budget;

/// <summary>A target resolved against a network: the most that the result may cost.</summary>
/// <param name="Measure">What is limited.</param>
/// <param name="Amount">MACs per image, or parameters; not rounded.</param>
public sealed record Limit(CostMeasure Measure, double Amount)
{
    /// <summary>Targets are typed with nine digits or so; this much excess, relative, is a typing error and not a broken promise.</summary>
    public const double Tolerance = 1e-8;

    /// <summary>Met means: achieved ≤ target × (1 + 1e-8).</summary>
    public bool Met(double achieved) => achieved <= Amount * (1 + Tolerance);

    /// <summary>Whether a network of this cost meets the limit.</summary>
    public bool Met(Cost achieved) => Met(achieved.In(Measure));

    /// <summary>The limit with its unit.</summary>
    public string Describe() => Measure.Describe(Amount);
}
