namespace Espalier.SearchSpaces;

/// <summary>
/// The best combination of live candidates whose cost lies in a window: a multiple-choice knapsack along the submodules, for every size of the
/// width they read. Partial costs that fall into one of 2,000 bins compete and the best is kept with its exact cost, so an answer is always true.
/// </summary>
public static class StructureChoice
{
    private const int Bins = 2000;

    /// <summary>The chosen candidate of every submodule; null when no combination was found in the window.</summary>
    /// <param name="tables">Candidates; the embedding first.</param>
    /// <param name="preference">What a candidate (submodule, number) is worth; the sum is maximised.</param>
    /// <param name="cost">Costs.</param>
    /// <param name="low">Least cost.</param>
    /// <param name="high">Most cost, above 0.</param>
    public static int[]? Best(IReadOnlyList<CandidateTable> tables, Func<int, int, double> preference, SearchCost cost, double low, double high)
    {
        var widths = cost.Parts.Select(p => p.Width).ToHashSet();
        var rows = new Row[tables.Count][];
        var start = new Row(0);
        start.Values[0] = 0;
        for (var k = 0; k < tables.Count; k++)
        {
            var before = k == 0 ? [start] : rows[k - 1];
            // A new width begins a row for each of its sizes, which any row before may lead to; all else goes on along its row.
            var live = tables[k].LiveOnes.ToList();
            var isWidth = k == 0 || widths.Contains(k);
            rows[k] = isWidth ? [.. live.Select(c => new Row(tables[k].SizeOf(c)))] : [.. before.Select(row => new Row(row.Width))];
            for (var c = 0; c < live.Count; c++)
                for (var r = 0; r < before.Length; r++)
                    Extend(before[r], r, rows[k][isWidth ? c : r], live[c], cost.Parts[k].Cost.At(before[r].Width, tables[k].SizeOf(live[c])), preference(k, live[c]), high);
        }
        (int Row, int Bin)? best = null;
        for (var r = 0; r < rows[^1].Length; r++)
            for (var bin = 0; bin < Bins; bin++)
                if (rows[^1][r] is var row && !double.IsNegativeInfinity(row.Values[bin]) && row.Exact[bin] >= low
                    && (best is null || row.Values[bin] > rows[^1][best.Value.Row].Values[best.Value.Bin])) best = (r, bin);
        if (best is { } end) return Walk(rows, end);
        // Of those that share a bin one alone is kept, and it need not be the cheapest: at the lower end that may be the only one there is.
        int[] cheapest = [.. tables.Select(t => t.LiveOnes.MinBy(t.SizeOf))];
        return cost.Total(tables, cheapest) is var total && total >= low && total <= high ? cheapest : null;
    }

    private static void Extend(Row before, int index, Row after, int candidate, double price, double worth, double high)
    {
        var step = high / (Bins - 1);
        for (var bin = 0; bin < Bins; bin++)
        {
            if (double.IsNegativeInfinity(before.Values[bin])) continue;
            var total = before.Exact[bin] + price;
            if (total > high) continue;
            var (to, value) = ((int)(total / step), before.Values[bin] + worth);
            if (value <= after.Values[to]) continue;
            (after.Values[to], after.Exact[to], after.From[to]) = (value, total, (candidate, index, bin));
        }
    }

    private static int[] Walk(Row[][] rows, (int Row, int Bin) at)
    {
        var choice = new int[rows.Length];
        for (var k = choice.Length - 1; k >= 0; k--)
            (choice[k], at.Row, at.Bin) = rows[k][at.Row].From[at.Bin];
        return choice;
    }

    // The best partial combinations by cost, for one size of the width that is read; and the candidate, row and bin each came by.
    private sealed class Row(int width)
    {
        public readonly int Width = width;
        public readonly double[] Values = [.. Enumerable.Repeat(double.NegativeInfinity, Bins)], Exact = new double[Bins];
        public readonly (int Candidate, int Row, int Bin)[] From = new (int, int, int)[Bins];
    }
}
