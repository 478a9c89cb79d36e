namespace Espalier.Benchmarks;

/// <summary>Images per second of both sides in one paired repetition.</summary>
internal sealed record Pair(double Espalier, double PyTorch)
{
    public double Ratio => Espalier / PyTorch;
}

/// <summary>All repetitions of one workload.</summary>
internal sealed record Comparison(Workload Work, IReadOnlyList<Pair> Pairs)
{
    /// <summary>
    /// Repeats a workload on both sides in turns, the order swapped each time: a machine whose speed drifts slows both halves of a
    /// pair alike, so the ratio holds where the rates do not.
    /// </summary>
    public static Comparison Run(Workload work, Side espalier, Side pytorch, int pairs)
    {
        // Both warm up; the slower one sets a repetition's length, about half a second.
        var once = Math.Max(espalier.Seconds(work, 1), pytorch.Seconds(work, 1));
        var steps = Math.Clamp((int)(0.5 / once), 1, 20);
        var results = new List<Pair>();
        for (var k = 0; k < pairs; k++)
        {
            double Rate(Side side) => work.Batch * steps / side.Seconds(work, steps);
            if (k % 2 == 0)
            {
                var first = Rate(espalier);
                results.Add(new Pair(first, Rate(pytorch)));
            }
            else
            {
                var first = Rate(pytorch);
                results.Add(new Pair(Rate(espalier), first));
            }
        }
        return new Comparison(work, results);
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
