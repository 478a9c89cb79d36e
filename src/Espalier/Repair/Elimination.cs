using System.Collections.Immutable;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>The order in which groups of a layer's inputs go, each with the repaired error at that point.</summary>
/// <param name="Order">Groups, the most dispensable first.</param>
/// <param name="Errors">Growth of the repaired error once this and all groups before it are gone; ascending, interpolated within a round.</param>
public sealed record EliminationOrder(ImmutableArray<int> Order, ImmutableArray<double> Errors);

/// <summary>
/// Greedy backward elimination of a layer's inputs under least squares (the structured Optimal Brain Surgeon). Each round removes the groups
/// whose loss the remaining inputs repair best, and repairs it; one pass yields nested choices, and their errors, for every width.
/// With P = (H + λ)⁻¹ and the repaired weights W, removing the inputs J costs tr(W_J · P_JJ⁻¹ · W_Jᵀ).
/// </summary>
public static class Elimination
{
    /// <summary>Rounds for a whole layer; more are slower and hardly better.</summary>
    private const int Rounds = 96;

    /// <summary>Orders the groups.</summary>
    /// <param name="gram">[m+1, m+1].</param>
    /// <param name="cross">[D, m+1].</param>
    /// <param name="prior">W₀ [D, m+1].</param>
    /// <param name="strength">λ, see <see cref="Ridge.Solve"/>.</param>
    /// <param name="groups">Disjoint inputs that go together; singletons for hidden units.</param>
    /// <param name="keep">Groups to leave; at least 1.</param>
    /// <param name="gone">Inputs of no group that are not there any more, and can stand in for none.</param>
    public static EliminationOrder Order(Tensor gram, Tensor cross, Tensor prior, double strength, IReadOnlyList<int[]> groups, int keep,
        params ReadOnlySpan<int> gone)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var pull = Ridge.Pull(gram, strength);
        var system = gram.Clone();
        system.Diagonal().AddInPlace(pull);
        var inverse = system.Inverse();
        var weights = (cross + prior * pull).MatMul(inverse);
        if (!gone.IsEmpty) Remove(inverse, weights, [.. gone]);
        var alive = Enumerable.Range(0, groups.Count).ToList();
        var order = ImmutableArray.CreateBuilder<int>();
        var errors = ImmutableArray.CreateBuilder<double>();
        double total = 0;
        while (alive.Count > keep)
        {
            using var round = new TensorScope();
            var count = Math.Min(Math.Max(1, groups.Count / Rounds), alive.Count - keep);
            var chosen = Costs(inverse, weights, groups, alive).OrderBy(c => c.Cost).ThenBy(c => c.Group).Take(count).Select(c => c.Group).ToArray();
            var cost = Remove(inverse, weights, [.. chosen.SelectMany(g => groups[g])]);
            for (var k = 0; k < count; k++)
            {
                order.Add(chosen[k]);
                errors.Add(total + cost * (k + 1) / count);
            }
            total += cost;
            alive.RemoveAll(chosen.Contains);
        }
        return new EliminationOrder(order.ToImmutable(), errors.ToImmutable());
    }

    // Of several inputs the own costs do not add up to the group's: alike ones are worth nothing each and much together.
    private static IEnumerable<(int Group, double Cost)> Costs(Tensor inverse, Tensor weights, IReadOnlyList<int[]> groups, List<int> alive)
    {
        var own = ((weights * weights).Sum([0]) / inverse.Diagonal()).ToArray<double>();
        return alive.Select(g => (g, groups[g] is [var single] ? own[single] : Cost(inverse, weights, groups[g])));
    }

    private static double Cost(Tensor inverse, Tensor weights, int[] inputs)
    {
        using var scope = new TensorScope();
        var own = weights.IndexSelect(1, inputs);                        // [D, g]
        return (own.MatMul(inverse.IndexSelect(0, inputs).IndexSelect(1, inputs).Inverse()) * own).Sum().Item();
    }

    private static double Remove(Tensor inverse, Tensor weights, int[] inputs)
    {
        using var scope = new TensorScope();
        var cost = Cost(inverse, weights, inputs);
        var rows = inverse.IndexSelect(0, inputs);                       // [g, m+1]
        var map = rows.IndexSelect(1, inputs).Solve(rows);               // P_JJ⁻¹·P_J:
        var own = weights.IndexSelect(1, inputs);                        // [D, g]
        weights.AddInPlace(own.MatMul(map), -1);
        inverse.AddInPlace(rows.Transpose(0, 1).MatMul(map), -1);
        // What is gone must not be divided by again: its row and column are zero now but for rounding.
        foreach (var j in inputs) inverse.Narrow(0, j, 1).Narrow(1, j, 1).AddInPlace(Tensor.Ones([1, 1], DType.Float64, inverse.Device));
        return cost;
    }
}
