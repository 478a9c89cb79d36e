namespace Espalier.Ofb;

/// <summary>
/// Which units of a submodule are kept first: heads by the sum of their scores, channels within their head by their own; of equal
/// ones the lower index. Units are numbered head by head.
/// </summary>
public sealed class UnitRanking
{
    private readonly int[] _headRank;
    private readonly int[][] _channelRank;

    /// <param name="importance">One number per unit; heads·dims of them.</param>
    /// <param name="heads">Heads; 1 for what has none.</param>
    /// <param name="headWorth">What a channel adds to its head's rank; null means the importance itself.</param>
    public UnitRanking(ReadOnlySpan<double> importance, int heads, Func<double, double>? headWorth = null)
    {
        var dims = importance.Length / heads;
        var worth = new double[heads];
        _channelRank = new int[heads][];
        for (var h = 0; h < heads; h++)
        {
            var own = importance.Slice(h * dims, dims).ToArray();
            _channelRank[h] = Ranks(own);
            worth[h] = own.Sum(v => headWorth?.Invoke(v) ?? v);
        }
        _headRank = Ranks(worth);
    }

    /// <summary>Place of every unit in a table of ranks [heads, dims], row by row: its head's rank and its own.</summary>
    public long[] Places => [.. _channelRank.SelectMany((ranks, h) => ranks.Select(r => (long)_headRank[h] * ranks.Length + r))];

    /// <summary>The units that the first heads and their first channels make up, ascending.</summary>
    public int[] Kept(int heads, int dims) =>
        [.. _channelRank.SelectMany((ranks, h) => ranks.Select((r, c) => (Unit: h * ranks.Length + c, Stays: _headRank[h] < heads && r < dims)))
            .Where(u => u.Stays).Select(u => u.Unit)];

    private static int[] Ranks(double[] values)
    {
        var order = Enumerable.Range(0, values.Length).OrderByDescending(k => values[k]).ToArray(); // stable: ties keep their order
        var ranks = new int[values.Length];
        for (var r = 0; r < order.Length; r++) ranks[order[r]] = r;
        return ranks;
    }
}
