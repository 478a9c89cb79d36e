namespace Espalier.Ofb;

/// <summary>
/// The best combination of live candidates whose cost lies in a window: for every embedding width, a multiple-choice knapsack over the other
/// submodules. Partial costs that fall into one of 2,000 bins compete and the best is kept with its exact cost, so an answer is always true.
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
        (int[] Choice, double Value)? best = null;
        foreach (var embed in tables[0].LiveOnes)
        {
            var found = Best(tables, tables[0].SizeOf(embed), preference, cost, low, high);
            if (found is not { } inner) continue;
            var value = inner.Value + preference(0, embed);
            if (best is null || value > best.Value.Value) best = ([embed, .. inner.Choice], value);
        }
        return best?.Choice;
    }

    private static (int[] Choice, double Value)? Best(IReadOnlyList<CandidateTable> tables, int embed, Func<int, int, double> preference,
        SearchCost cost, double low, double high)
    {
        var parts = tables.Count - 1;
        var step = high / (Bins - 1);
        var (values, exact) = (Empty(), new double[Bins]);
        var (chosen, from) = (new int[parts][], new int[parts][]);
        var start = cost.Base.At(embed, 0);
        if (start > high) return null;
        (values[(int)(start / step)], exact[(int)(start / step)]) = (0, start);
        for (var k = 0; k < parts; k++)
        {
            var (nextValues, nextExact) = (Empty(), new double[Bins]);
            (chosen[k], from[k]) = (new int[Bins], new int[Bins]);
            foreach (var candidate in tables[k + 1].LiveOnes)
            {
                var price = cost.Parts[k].At(embed, tables[k + 1].SizeOf(candidate));
                var worth = preference(k + 1, candidate);
                for (var bin = 0; bin < Bins; bin++)
                {
                    if (double.IsNegativeInfinity(values[bin])) continue;
                    var total = exact[bin] + price;
                    if (total > high) continue;
                    var (to, value) = ((int)(total / step), values[bin] + worth);
                    if (value <= nextValues[to]) continue;
                    (nextValues[to], nextExact[to], chosen[k][to], from[k][to]) = (value, total, candidate, bin);
                }
            }
            (values, exact) = (nextValues, nextExact);
        }
        var last = -1;
        for (var bin = 0; bin < Bins; bin++)
            if (!double.IsNegativeInfinity(values[bin]) && exact[bin] >= low && (last < 0 || values[bin] > values[last])) last = bin;
        return last < 0 ? null : (Walk(chosen, from, last), values[last]);
    }

    private static int[] Walk(int[][] chosen, int[][] from, int bin)
    {
        var choice = new int[chosen.Length];
        for (var k = choice.Length - 1; k >= 0; k--) (choice[k], bin) = (chosen[k][bin], from[k][bin]);
        return choice;
    }

    private static double[] Empty()
    {
        var values = new double[Bins];
        Array.Fill(values, double.NegativeInfinity);
        return values;
    }
}
