using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Vit;

namespace Espalier.Widths;

/// <summary>Where a search for a merging starts.</summary>
/// <param name="Structure">The given network with tokens merged; above the limit when merging alone does not reach it.</param>
/// <param name="Blocks">The blocks that merge.</param>
public sealed record MergePlan(VitArchitecture Structure, ImmutableArray<Knob> Blocks);

/// <summary>Which blocks merge tokens.</summary>
public enum MergingBlocks
{
    /// <summary>Few while that reaches the target without merging too many, else the middle.</summary>
    Auto,
    /// <summary>Every second block of the middle half.</summary>
    Few,
    /// <summary>All blocks from a sixth to three quarters of the depth.</summary>
    Middle,
    /// <summary>All blocks, as ToMe does.</summary>
    Every,
}

/// <summary>
/// Merging tokens (ToMe) needs no training and costs little accuracy as long as not too many go; so it comes before any width is cut. A search
/// starts with equally many in every block that merges. Few large steps lose less than many small ones and take less time, early tokens are
/// not yet alike and late ones save little: so every second block of the middle half merges, or, when much must go, all blocks in the middle.
/// </summary>
public static class MergeStart
{
    // Shares of the patches that may go, set by hand on a ViT-Ti: beyond the first more blocks do better, beyond the second cutting widths does.
    private const double MostInFewBlocks = 0.7;
    private const double Most = 0.85;

    /// <summary>The mildest even merging that meets the limit; when none does, the strongest there is, and widths must do the rest.</summary>
    /// <param name="given">The network; it merges nothing yet.</param>
    /// <param name="limit">MACs: merging saves no parameters.</param>
    /// <param name="kept">Blocks that stay as they are.</param>
    /// <param name="which">Which blocks merge.</param>
    public static MergePlan Find(VitArchitecture given, Limit limit, IReadOnlyCollection<int> kept, MergingBlocks which = MergingBlocks.Auto)
    {
        if (which != MergingBlocks.Auto) return Mildest(given, limit, Blocks(given, kept, which), Most);
        var few = Mildest(given, limit, Blocks(given, kept, MergingBlocks.Few), MostInFewBlocks);
        return limit.Met(VitCost.Of(few.Structure)) ? few : Mildest(given, limit, Blocks(given, kept, MergingBlocks.Middle), Most);
    }

    /// <summary>Brings a merging to just below a limit: merges more where least is merged, then takes back as much as fits.</summary>
    public static VitArchitecture Fill(VitArchitecture net, Limit limit, ImmutableArray<Knob> blocks)
    {
        while (!limit.Met(VitCost.Of(net)))
        {
            if (blocks.Select(k => k.Write(net, k.Read(net) - 1)).Where(n => n.CheckMerging() is null).ToList() is not { Count: > 0 } stronger) break;
            net = stronger.MinBy(n => n.Blocks.Max(b => b.TokensMerged))!;
        }
        // Of the tokens that fit, the dearest is left apart first, as it comes closest to the limit.
        while (blocks.Where(k => k.Read(net) < 0).Select(k => k.Write(net, k.Read(net) + 1)).Where(n => limit.Met(VitCost.Of(n)))
                   .MaxBy(n => VitCost.Of(n).In(limit.Measure)) is { } weaker)
            net = weaker;
        return net;
    }

    private static MergePlan Mildest(VitArchitecture given, Limit limit, ImmutableArray<Knob> blocks, double share)
    {
        var most = blocks.IsEmpty ? 0 : (int)(given.Patches * share);
        while (Even(given, blocks, most).CheckMerging() is not null) most--;
        var total = Enumerable.Range(0, most + 1).FirstOrDefault(n => limit.Met(VitCost.Of(Even(given, blocks, n))), most);
        var even = Even(given, blocks, total);
        return new MergePlan(limit.Met(VitCost.Of(even)) ? Fill(even, limit, blocks) : even, blocks);
    }

    private static ImmutableArray<Knob> Blocks(VitArchitecture net, IReadOnlyCollection<int> kept, MergingBlocks which)
    {
        var (from, to, every) = which switch
        {
            MergingBlocks.Few => (net.Depth / 4, 3 * net.Depth / 4, 2),
            MergingBlocks.Middle => (net.Depth / 6, 3 * net.Depth / 4, 1),
            _ => (0, net.Depth - 1, 1),
        };
        return [.. Enumerable.Range(0, net.Depth).Where(i => i >= from && i <= to && (i - from) % every == 0 && net.Blocks[i].HasAttention && !kept.Contains(i))
            .Select(i => new Knob(i, WidthKind.Tokens))];
    }

    // Earlier blocks, where a merged token saves most, take what does not divide.
    private static VitArchitecture Even(VitArchitecture given, ImmutableArray<Knob> blocks, int total) =>
        blocks.Select((knob, i) => (knob, Count: total / blocks.Length + (i < total % blocks.Length ? 1 : 0)))
            .Aggregate(given, (net, k) => k.knob.Write(net, -k.Count));
}
