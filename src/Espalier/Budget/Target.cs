using System.Globalization;
using Espalier.Models;

namespace Espalier.Budget;

/// <summary>How a target was stated.</summary>
public enum TargetForm
{
    KeepMacs,
    ReduceMacs,
    Macs,
    Params,
    /// <summary>A share of the time the given model takes here for one image; measured, see <see cref="Evaluation.LatencyCurve"/>.</summary>
    Latency,
}

/// <summary>What the user asks for: a share of the given model's MACs or latency, or an amount of MACs or parameters.</summary>
/// <param name="Form">How it was stated.</param>
/// <param name="Value">The fraction kept or removed, in (0, 1), or the amount, above 0.</param>
/// <param name="Count">The MACs convention; without meaning for parameters.</param>
public sealed record Target(TargetForm Form, double Value, CountConvention Count = CountConvention.Budget)
{
    /// <summary>This share of the given model's MACs stays.</summary>
    /// <exception cref="UsageException">Not between 0 and 1.</exception>
    public static Target KeepMacs(double fraction, CountConvention count = CountConvention.Budget) => new(TargetForm.KeepMacs, Fraction(fraction), count);

    /// <summary>This share of the given model's MACs goes.</summary>
    /// <exception cref="UsageException">Not between 0 and 1.</exception>
    public static Target ReduceMacs(double fraction, CountConvention count = CountConvention.Budget) => new(TargetForm.ReduceMacs, Fraction(fraction), count);

    /// <summary>At most so many MACs for one image.</summary>
    /// <exception cref="UsageException">Not above 0.</exception>
    public static Target Macs(double amount, CountConvention count = CountConvention.Budget) => new(TargetForm.Macs, Amount(amount), count);

    /// <summary>At most so many parameters.</summary>
    /// <exception cref="UsageException">Not above 0.</exception>
    public static Target Params(double amount) => new(TargetForm.Params, Amount(amount));

    /// <summary>The MACs (full) at which a share of the latency was found on this machine; null until it was measured, and for all other forms.</summary>
    public double? MacsAtLatency { get; init; }

    public CostMeasure Measure => Form == TargetForm.Params ? CostMeasure.Parameters
        : Count == CountConvention.Full || Form == TargetForm.Latency ? CostMeasure.MacsFull : CostMeasure.MacsBudget;

    /// <summary>The limit for a model that costs <paramref name="given"/> now; fractions are of that.</summary>
    public Limit Resolve(Cost given) => new(Measure, Form switch
    {
        TargetForm.KeepMacs => Value * given.In(Measure),
        TargetForm.ReduceMacs => (1 - Value) * given.In(Measure),
        TargetForm.Latency => MacsAtLatency ?? throw new InvalidOperationException("A share of the latency must be measured before it limits anything."),
        _ => Value,
    });

    private static double Fraction(double value) => value is > 0 and < 1 ? value
        : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"A share of {value}: give one between 0 and 1, such as 0.75."));

    private static double Amount(double value) => value > 0 && double.IsFinite(value) ? value
        : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"An amount of {value}: give one above 0, such as 940e6."));

    /// <summary>The option that states this target, e.g. <c>--keep-macs 0.75</c>; always the same text for the same target.</summary>
    public override string ToString()
    {
        var value = Value.ToString("R", CultureInfo.InvariantCulture);
        return Form switch
        {
            TargetForm.KeepMacs => $"--keep-macs {value}",
            TargetForm.ReduceMacs => $"--reduce-macs {value}",
            TargetForm.Macs => $"--macs {value}",
            TargetForm.Latency => $"--latency {value}",
            _ => $"--params {value}",
        } + (Form is not (TargetForm.Params or TargetForm.Latency) && Count == CountConvention.Full ? " --count full" : "");
    }
}
