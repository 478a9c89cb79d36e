using System.Globalization;

namespace Espalier.Budget;

/// <summary>Reads a target from the texts of its options, of which exactly one must be given.</summary>
public static class TargetParser
{
    /// <summary>Reads a target; an option that was not given is null.</summary>
    /// <param name="keepMacs">Fraction kept: <c>0.75</c> or <c>75%</c>.</param>
    /// <param name="reduceMacs">Fraction removed: <c>25%</c> or <c>0.25</c>.</param>
    /// <param name="macs">Amount of MACs: <c>940M</c>, <c>0.94G</c>, <c>940000000</c>.</param>
    /// <param name="parameters">Amount of parameters: <c>4.3M</c>.</param>
    /// <param name="latency">Fraction of the latency kept: <c>0.7</c> or <c>70%</c>.</param>
    /// <param name="count"><c>budget</c> (default) or <c>full</c>.</param>
    /// <exception cref="UsageException">None or several are given, or one cannot be read.</exception>
    public static Target Parse(string? keepMacs = null, string? reduceMacs = null, string? macs = null, string? parameters = null,
        string? latency = null, string? count = null)
    {
        var given = new[] { keepMacs, reduceMacs, macs, parameters, latency }.Count(text => text is not null);
        if (given != 1)
            throw new UsageException((given == 0 ? "No target is given" : "Several targets are given")
                + "; give exactly one of --keep-macs 0.75, --reduce-macs 25%, --macs 0.94G, --params 4.3M, --latency 70%.");
        var convention = count switch
        {
            null or "budget" => CountConvention.Budget,
            "full" => CountConvention.Full,
            _ => throw new UsageException($"--count {count}: the conventions are budget and full."),
        };
        return keepMacs is not null ? new(TargetForm.KeepMacs, Fraction("--keep-macs", keepMacs), convention)
            : reduceMacs is not null ? new(TargetForm.ReduceMacs, Fraction("--reduce-macs", reduceMacs), convention)
            : macs is not null ? new(TargetForm.Macs, Amount("--macs", macs), convention)
            : parameters is not null ? new(TargetForm.Params, Amount("--params", parameters), convention)
            : new(TargetForm.Latency, Fraction("--latency", latency!), convention);
    }

    private static double Fraction(string option, string text)
    {
        var isPercentage = text.EndsWith('%');
        var value = Number(isPercentage ? text[..^1] : text) / (isPercentage ? 100 : 1);
        return value is > 0 and < 1 ? value
            : throw new UsageException($"{option} {text}: give a fraction between 0 and 1, such as 0.75 or 75%.");
    }

    private static double Amount(string option, string text)
    {
        var scale = text.Length == 0 ? 1 : char.ToUpperInvariant(text[^1]) switch { 'K' => 1e3, 'M' => 1e6, 'G' => 1e9, _ => 1 };
        var value = Number(scale == 1 ? text : text[..^1]) * scale;
        return double.IsFinite(value) && value > 0 ? value
            : throw new UsageException($"{option} {text}: give an amount above 0, such as 940M or 0.94G.");
    }

    private static double Number(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var value) ? value : double.NaN;
}
