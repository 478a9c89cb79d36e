using System.Globalization;
using Espalier.Models;

namespace Espalier.Budget;

/// <summary>Which MACs convention a target is stated in.</summary>
public enum CountConvention
{
    /// <summary>Linear and Conv MACs plus 4 per element of an affine norm; no attention products.</summary>
    Budget,
    /// <summary>Linear and Conv MACs plus both attention products; no norms.</summary>
    Full,
}

/// <summary>The number a target limits.</summary>
public enum CostMeasure
{
    MacsBudget,
    MacsFull,
    Parameters,
}

/// <summary>Reading a <see cref="Cost"/> by measure, and writing amounts for people.</summary>
public static class CostMeasures
{
    /// <summary>The one number of <paramref name="cost"/> that <paramref name="measure"/> means.</summary>
    public static long In(this Cost cost, CostMeasure measure) => measure switch
    {
        CostMeasure.MacsBudget => cost.MacsBudget,
        CostMeasure.MacsFull => cost.MacsFull,
        CostMeasure.Parameters => cost.Parameters,
        _ => throw new ArgumentOutOfRangeException(nameof(measure), measure, null),
    };

    /// <summary>An amount with its unit, e.g. <c>0.8163 G MACs (budget)</c> or <c>4.382 M parameters</c>.</summary>
    public static string Describe(this CostMeasure measure, double amount) => measure switch
    {
        CostMeasure.MacsBudget => $"{Scaled(amount)} MACs (budget)",
        CostMeasure.MacsFull => $"{Scaled(amount)} MACs (full)",
        _ => $"{Scaled(amount)} parameters",
    };

    private static string Scaled(double amount)
    {
        var (divisor, suffix) = Math.Abs(amount) switch
        {
            >= 1e8 => (1e9, " G"),
            >= 1e5 => (1e6, " M"),
            >= 1e3 => (1e3, " K"),
            _ => (1.0, ""),
        };
        return (amount / divisor).ToString("0.####", CultureInfo.InvariantCulture) + suffix;
    }
}
