namespace Espalier.Evaluation;

/// <summary>How far two series of numbers put the same things into the same order: 1 alike, −1 reversed, about 0 unrelated.</summary>
public static class Correlation
{
    /// <summary>Spearman's ρ: Pearson's correlation of the ranks, ties sharing the mean of theirs. NaN when a series is constant.</summary>
    public static double Spearman(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        Check(a, b);
        var (x, y) = (Ranks(a), Ranks(b));
        var mean = (a.Count + 1) / 2.0;
        double product = 0, left = 0, right = 0;
        for (var i = 0; i < x.Length; i++)
        {
            product += (x[i] - mean) * (y[i] - mean);
            left += (x[i] - mean) * (x[i] - mean);
            right += (y[i] - mean) * (y[i] - mean);
        }
        return product / Math.Sqrt(left * right);
    }

    /// <summary>Kendall's τ-b: pairs in the same order less pairs in opposite order, over all pairs that either series tells apart. NaN when one is constant.</summary>
    public static double Kendall(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        Check(a, b);
        long concordant = 0, apartInA = 0, apartInB = 0;
        for (var i = 0; i < a.Count; i++)
            for (var j = 0; j < i; j++)
            {
                var (x, y) = (a[i].CompareTo(a[j]), b[i].CompareTo(b[j]));
                concordant += Math.Sign(x) * Math.Sign(y);
                if (x != 0) apartInA++;
                if (y != 0) apartInB++;
            }
        return concordant / Math.Sqrt((double)apartInA * apartInB);
    }

    private static double[] Ranks(IReadOnlyList<double> values) =>
        [.. values.Select(v => values.Count(other => other < v) + (values.Count(other => other == v) + 1) / 2.0)];

    private static void Check(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        if (a.Count != b.Count) throw new ArgumentException($"{a.Count} numbers cannot be set against {b.Count}.");
        if (a.Concat(b).FirstOrDefault(double.IsNaN, 0) is double.NaN) throw new ArgumentException("A number is missing (NaN), so it has no rank.");
    }
}
