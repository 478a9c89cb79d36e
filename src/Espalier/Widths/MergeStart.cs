using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models.Vit;

namespace Espalier.Widths;

/// <summary>
/// Merging tokens (ToMe) needs no training and costs little accuracy as long as each block merges few; so it comes before any width is cut.
/// This is where a search for it starts: every second block of the middle half merges equally many. Few large steps lose less than many small
/// ones and take less time; early tokens are not yet alike, and late ones save little.
/// </summary>
public static class MergeStart
{
    // Where merging another token begins to cost as much as cutting widths does (docs/results/espalier.md).
    private const double MostOfPatches = 0.78;

    /// <summary>The mildest even merging that meets the limit; when none does, the strongest there is, and widths must do the rest.</summary>
    /// <param name="given">The network; it merges nothing yet.</param>
    /// <param name="limit">MACs: merging saves no parameters.</param>
    /// <param name="knobs">Blocks that may merge, of <see cref="Blocks"/>.</param>
    public static VitArchitecture Find(VitArchitecture given, Limit limit, ImmutableArray<Knob> knobs)
    {
        var most = knobs.IsEmpty ? 0 : (int)(given.Patches * MostOfPatches);
        while (Even(given, knobs, most).CheckMerging() is not null) most--;
        var total = Enumerable.Range(0, most + 1).FirstOrDefault(n => limit.Met(VitCost.Of(Even(given, knobs, n))), most);
        return Fill(Even(given, knobs, total), limit, knobs);
    }

    /// <summary>The blocks that merge: every second one of the middle half, as far as they have attention and may change.</summary>
    public static ImmutableArray<Knob> Blocks(VitArchitecture net, IReadOnlyCollection<int> kept) =>
    [
        .. from i in Enumerable.Range(0, net.Depth)
           where 4 * i >= net.Depth && 4 * i <= 3 * net.Depth && (i - (net.Depth + 3) / 4) % 2 == 0
           where net.Blocks[i].HasAttention && !kept.Contains(i)
           select new Knob(i, WidthKind.Tokens),
    ];

    /// <summary>Brings a merging to just below a limit: merges more where least is merged, then takes back as much as fits.</summary>
    public static VitArchitecture Fill(VitArchitecture net, Limit limit, ImmutableArray<Knob> knobs)
    {
        while (!limit.Met(VitCost.Of(net)))
        {
            if (knobs.Select(k => k.Write(net, k.Read(net) - 1)).Where(n => n.CheckMerging() is null).ToList() is not { Count: > 0 } stronger) break;
            net = stronger.MinBy(n => n.Blocks.Max(b => b.TokensMerged))!;
        }
        // The cheapest token to leave apart goes first, as it comes closest to the limit.
        while (knobs.Where(k => k.Read(net) < 0).Select(k => k.Write(net, k.Read(net) + 1)).Where(n => limit.Met(VitCost.Of(n)))
                   .OrderByDescending(n => VitCost.Of(n).In(limit.Measure)).FirstOrDefault() is { } weaker)
            net = weaker;
        return net;
    }

    // Earlier blocks, where a merged token saves most, take what does not divide.
    private static VitArchitecture Even(VitArchitecture given, ImmutableArray<Knob> knobs, int total) =>
        knobs.Select((knob, i) => (knob, Count: total / knobs.Length + (i < total % knobs.Length ? 1 : 0)))
            .Aggregate(given, (net, k) => k.knob.Write(net, -k.Count));
}
