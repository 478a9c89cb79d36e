using Espalier.Models;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>How the last layer of one residual branch is cut and solved: what attention and MLP have in common.</summary>
/// <param name="Calibration">The images, for their folds.</param>
/// <param name="Options">Switches.</param>
/// <param name="Metric">What an error of the layer's output costs, by token and by channel.</param>
/// <param name="Name">Names random draws.</param>
/// <param name="Cancellation">Stops between two batches.</param>
internal sealed record LayerRepair(Calibration Calibration, RepairOptions Options, ErrorMetric Metric, string Name, CancellationToken Cancellation)
{
    private const double LeastStrength = 1e-3;
    private readonly Dictionary<string, int[]> _orders = [];

    /// <summary>Whether layers that keep all their inputs are solved anew.</summary>
    internal bool Refits => Options is { Solve: true, RefitWhole: true };

    /// <summary>Sums over all images: the layer's inputs, and the wanted tokens less those that skip the branch.</summary>
    internal GramSums Sums(int inputs, TokenStream before, TokenStream wanted, Func<Tensor, Tensor> layerInputs) =>
        Sums(inputs, (int)wanted[0].Size(-1), before.Count, k => (layerInputs(before[k]), wanted[k] - before[k]));

    /// <summary>Sums over all images.</summary>
    /// <param name="inputs">m, inputs of the layer.</param>
    /// <param name="outputs">D, outputs of the layer.</param>
    /// <param name="batches">Batches of images.</param>
    /// <param name="batch">What the layer sees of a batch [B, N, m], and what it should answer [B, N, D].</param>
    internal GramSums Sums(int inputs, int outputs, int batches, Func<int, (Tensor Inputs, Tensor Wanted)> batch)
    {
        // Only a strength that is chosen on images left out needs them apart.
        var folds = Options.LeaveOut ? Calibration.Folds : 1;
        var sums = new GramSums(inputs, outputs, folds, Metric.Tokens.Device);
        using var noGrad = new NoGrad();
        try
        {
            for (var k = 0; k < batches; k++)
            {
                Cancellation.ThrowIfCancellationRequested();
                using var scope = new TensorScope();
                var (seen, wanted) = batch(k);
                sums.Add(seen, wanted, Metric.Tokens, folds == 1 ? 0 : Calibration.FoldOf(k));
            }
            sums.Combine(Calibration.Group);
            return sums;
        }
        catch
        {
            sums.Dispose();
            throw;
        }
    }

    /// <summary>The groups of inputs to keep, ascending.</summary>
    /// <param name="what">Names the choice: its order is worked out once and serves every width, so that choices are nested.</param>
    /// <param name="sums">Of the layer with all its inputs.</param>
    /// <param name="prior">Its weights [D, m+1], float64.</param>
    /// <param name="groups">Inputs that go or stay together.</param>
    /// <param name="keep">Groups to keep.</param>
    /// <param name="gone">Inputs of no group that go in any case.</param>
    internal int[] Choose(string what, GramSums sums, Tensor prior, IReadOnlyList<int[]> groups, int keep, params int[] gone)
    {
        if (!_orders.TryGetValue(what, out var order)) _orders[what] = order = [.. Order(sums, prior, groups, gone)];
        var dropped = order.Take(groups.Count - keep).ToHashSet();
        return [.. Enumerable.Range(0, groups.Count).Where(g => !dropped.Contains(g))];
    }

    /// <summary>The layer that keeps some inputs, [D, k+1] with its bias last.</summary>
    /// <param name="sums">Of the layer with all its inputs.</param>
    /// <param name="prior">Its weights [D, m+1], float64.</param>
    /// <param name="kept">Ascending inputs.</param>
    /// <param name="isCut">Whether this block lost something here.</param>
    internal Tensor Solve(GramSums sums, Tensor prior, int[] kept, bool isCut)
    {
        using var scope = new TensorScope();
        var sliced = prior.IndexSelect(1, [.. kept, sums.Inputs]);
        if (!Options.Solve || (!isCut && !Options.RefitWhole)) return scope.Keep(sliced);
        var solved = Strength(sums, prior, kept) is { } strength
            ? Ridge.Solve(sums.Gram(), sums.Cross(), prior, kept, strength)
            : Ridge.SolveApart(sums.Gram(), sums.Cross(), prior, kept, Options.Compensation, Options.Correction, Options.CorrectionShare);
        return scope.Keep(Options.Damping == 1 ? solved : sliced + (solved - sliced) * Options.Damping);
    }

    /// <summary>λ where one regression does all; null where what a cut took and what earlier ones left are solved for apart.</summary>
    internal double? Strength(GramSums sums, Tensor prior, int[] kept) => Options.LeaveOut ? Ridge.ChooseStrength(sums, prior, kept) : Options.Strength;

    private IEnumerable<int> Order(GramSums sums, Tensor prior, IReadOnlyList<int[]> groups, int[] gone)
    {
        using var scope = new TensorScope();
        switch (Options.UnitChoice)
        {
            case RepairUnitChoice.Random:
                var random = Enumerable.Range(0, groups.Count).ToArray();
                new SeededRandom(Options.Seed, "repair units", Name).Shuffle(random.AsSpan());
                return random;
            case RepairUnitChoice.Variance:
                var gram = sums.Gram();
                var norm = (prior * prior).Sum([0]).ToArray<double>();
                var moment = gram.Diagonal().ToArray<double>();
                var total = gram.Narrow(0, sums.Inputs, 1).Reshape(-1).ToArray<double>();
                double Score(int j) => (moment[j] - total[j] * total[j] / total[^1]) * norm[j];
                return [.. Enumerable.Range(0, groups.Count).OrderBy(g => groups[g].Sum(Score)).ThenBy(g => g)];
            default:
                return Elimination.Order(sums.Gram(), Metric.Of(sums.Cross()), Metric.Of(prior),
                    Options.Strength ?? (Options.LeaveOut ? LeastStrength : Options.Correction), groups, keep: 1, gone).Order;
        }
    }
}
