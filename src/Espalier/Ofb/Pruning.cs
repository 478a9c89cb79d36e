using System.Collections.Immutable;
using Espalier.SearchSpaces;

namespace Espalier.Ofb;

/// <summary>What a prune event came to.</summary>
/// <param name="Tables">Candidates that are left, not yet boxed.</param>
/// <param name="Eliminated">How many died, by submodule.</param>
/// <param name="Blocked">Submodules of which the guard kept a candidate alive.</param>
public sealed record PruneResult(ImmutableArray<CandidateTable> Tables, ImmutableArray<int> Eliminated, int Blocked);

/// <summary>
/// Which candidates die: those with a probability of at most 0.2/n. The guard keeps one whose death would leave no combination
/// in the window of costs, so that a budget that can be met stays so to the end.
/// </summary>
/// <param name="cost">Costs.</param>
/// <param name="low">Least cost allowed at the end.</param>
/// <param name="high">Most cost allowed; null switches the guard off.</param>
public sealed class Pruning(SearchCost cost, double low, double? high)
{
    private const double Share = 0.2;

    /// <summary>One event over all undecided submodules, in order.</summary>
    /// <param name="tables">Candidates before.</param>
    /// <param name="probabilities">p of every candidate, 0 for dead ones; submodule by submodule.</param>
    public PruneResult Event(IReadOnlyList<CandidateTable> tables, IReadOnlyList<double[]> probabilities)
    {
        var now = tables.ToArray();
        var eliminated = new int[now.Length];
        var blocked = 0;
        int[]? witness = null;
        for (var s = 0; s < now.Length; s++)
        {
            var p = probabilities[s];
            var threshold = Share / now[s].LiveCount;
            var isBlocked = false;
            foreach (var candidate in now[s].LiveOnes.Where(c => p[c] <= threshold).OrderBy(c => p[c]).ToList())
            {
                var before = now[s];
                if (before.IsDecided) break;
                now[s] = before.Without([candidate]);
                if (high is not null && (witness is null || witness[s] == candidate))
                {
                    var other = StructureChoice.Best(now, LogLikelihood(probabilities), cost, low, high.Value);
                    if (other is null)
                    {
                        (now[s], isBlocked) = (before, true);
                        continue;
                    }
                    witness = other;
                }
                eliminated[s]++;
            }
            if (isBlocked) blocked++;
        }
        return new PruneResult([.. now], [.. eliminated], blocked);
    }

    /// <summary>The likeliest combination in the window, each table with its choice alone; null when there is none. For a search with the guard on.</summary>
    public ImmutableArray<CandidateTable>? Project(IReadOnlyList<CandidateTable> tables, Func<int, int, double> preference) =>
        StructureChoice.Best(tables, preference, cost, low, high!.Value) is { } choice
            ? [.. tables.Select((t, s) => t.Only(choice[s]))] : null;

    /// <summary>ln p, bounded: the preference of a search.</summary>
    public static Func<int, int, double> LogLikelihood(IReadOnlyList<double[]> probabilities) =>
        (s, c) => Math.Log(Math.Max(probabilities[s][c], 1e-300));
}
