using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Formats;

namespace Espalier.Evaluation;

/// <summary>A structure that was timed.</summary>
/// <param name="MacsFull">Its MACs, attention products included.</param>
/// <param name="KeepLatency">Its time for one image over that of the given network, run in turn; the median of the pairs.</param>
public sealed record LatencyPoint(long MacsFull, double KeepLatency);

/// <summary>
/// How much of its time a network keeps as it loses MACs: measured on this machine, with one image at a time, for structures as a method makes them.
/// Weights do not matter for that, so nothing is trained or repaired.
/// </summary>
/// <param name="DenseMacsFull">MACs of the given network.</param>
/// <param name="Points">Structures timed, the largest first.</param>
public sealed record LatencyCurve(long DenseMacsFull, ImmutableArray<LatencyPoint> Points)
{
    /// <summary>Pairs of runs for each structure.</summary>
    private const int Pairs = 21;

    private static readonly ImmutableArray<double> s_shares = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2];

    /// <summary>Structures of several sizes, the largest first, as far as a method can make them.</summary>
    /// <param name="structure">The structure it would begin with for a target; may throw <see cref="BudgetException"/>.</param>
    public static ImmutableArray<Architecture> Structures(Func<Target, Architecture> structure) =>
        [.. s_shares.Select(share => Try(structure, new Target(TargetForm.KeepMacs, share, CountConvention.Full))).OfType<Architecture>()];

    /// <summary>The structure for a target; null when the method cannot meet it.</summary>
    public static Architecture? Try(Func<Target, Architecture> structure, Target target)
    {
        try
        {
            return structure(target);
        }
        catch (BudgetException)
        {
            return null;
        }
    }

    /// <summary>Times structures, each in turn with the given network.</summary>
    /// <param name="dense">The given network.</param>
    /// <param name="structures">See <see cref="Structures"/>.</param>
    /// <param name="bf16">Matrix products in bf16.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Stops between two runs.</param>
    public static LatencyCurve Measure(Model dense, IEnumerable<Architecture> structures, bool bf16, TimeProvider time, CancellationToken cancellation)
    {
        var bench = new LatencyBench(time) { Runs = Pairs, Bf16 = bf16 };
        return new(dense.Architecture.Cost().MacsFull, [.. structures.Select(net =>
        {
            using var random = net.Random(dense.Preprocessing, 0);
            using var model = random.To(dense.Device);
            return new LatencyPoint(net.Cost().MacsFull, 1 / bench.Measure(model, dense, cancellation).Speedup!.Median);
        })]);
    }

    /// <summary>The MACs (full) at which the time falls to a share of the given network's, between the structures timed.</summary>
    /// <exception cref="BudgetException">None of them was as fast.</exception>
    public double MacsFor(double keepLatency)
    {
        var (macs, kept) = ((double)DenseMacsFull, 1.0);
        foreach (var point in Points)
        {
            // Noise may make a smaller structure look slower; the least time so far is what sizes up to here are known to need.
            var next = Math.Min(kept, point.KeepLatency);
            if (next <= keepLatency) return macs + (point.MacsFull - macs) * (kept - keepLatency) / (kept - next);
            (macs, kept) = (point.MacsFull, next);
        }
        throw new BudgetException(FormattableString.Invariant(
            $"The smallest structure timed here keeps {100 * kept:0} % of the latency; ask for more than that, or state the target in MACs."))
        { Settings = ["Latency"] };
    }
}
