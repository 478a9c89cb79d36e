namespace Espalier.Evaluation;

/// <summary>Median and spread of a series of measurements.</summary>
/// <param name="Median">Half of the values lie below it.</param>
/// <param name="P10">A tenth of the values lies below it.</param>
/// <param name="P90">A tenth of the values lies above it.</param>
public sealed record Percentiles(double Median, double P10, double P90)
{
    /// <summary>Those of at least one value, interpolated linearly between neighbours as NumPy does.</summary>
    public static Percentiles Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return new(At(sorted, 0.5), At(sorted, 0.1), At(sorted, 0.9));
    }

    private static double At(double[] sorted, double share)
    {
        var position = share * (sorted.Length - 1);
        var below = (int)position;
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
    }
}
