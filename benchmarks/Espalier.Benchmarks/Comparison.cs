namespace Espalier.Benchmarks;

/// <summary>Images per second of the clock, and per second of processor time: the latter holds when others use the machine too.</summary>
internal readonly record struct Rate(double Clock, double Cpu);

/// <summary>Both sides in one paired repetition.</summary>
internal sealed record Pair(Rate Espalier, Rate PyTorch)
{
    public double Ratio => Espalier.Clock / PyTorch.Clock;

    public double CpuRatio => Espalier.Cpu / PyTorch.Cpu;
}

/// <summary>All repetitions of one workload.</summary>
internal sealed record Comparison(Workload Work, IReadOnlyList<Pair> Pairs)
{
    /// <summary>
    /// Repeats a workload on both sides in turns, the order swapped each time: a machine whose speed drifts slows both halves of a
    /// pair alike, so the ratio holds where the rates do not. A side warms up, unmeasured, before its first answer.
    /// </summary>
    public static Comparison Run(Workload work, Side espalier, Side pytorch, int pairs)
    {
        var results = new List<Pair>();
        for (var k = 0; k < pairs; k++)
        {
            var (first, second) = k % 2 == 0 ? (espalier, pytorch) : (pytorch, espalier);
            var (a, b) = (Measure(first), Measure(second));
            results.Add(k % 2 == 0 ? new Pair(a, b) : new Pair(b, a));
        }
        return new Comparison(work, results);

        Rate Measure(Side side)
        {
            if (work.Lead > 0) side.Run(work, work.Lead);
            return side.Run(work, work.Steps);
        }
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
