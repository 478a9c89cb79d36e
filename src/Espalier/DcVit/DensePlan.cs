using System.Collections.Immutable;
using System.Globalization;
using Espalier.Budget;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Vit;

namespace Espalier.DcVit;

/// <summary>
/// From a target to (k, ρ): how many blocks lose their attention and how much of their MLPs stays (DC-ViT, specification §2.2).
/// Which blocks is decided later, by recoverability. All amounts are in the target's own measure.
/// </summary>
public sealed record DensePlan : Structure
{
    /// <summary>Below this ρ an MLP has too few units left to be worth its block.</summary>
    private const double CrippledMlpRatio = 0.5;

    internal DensePlan(VitArchitecture net, Limit limit, UniformBlocks blocks, DcVitProfile profile)
        : base(net, limit, blocks.Indices) => (Blocks, Profile) = (blocks, profile);

    /// <summary>The candidates and what they cost.</summary>
    public UniformBlocks Blocks { get; }

    public DcVitProfile Profile { get; }

    /// <summary>A: cost of one attention branch, LN1 included; of the cheapest where stages differ.</summary>
    public long AttentionCost => Blocks.All.Min(Attention);

    /// <summary>M: cost of the MLP's hidden units, all of them; LN2 and fc2's bias stay and do not count. Of the dearest where stages differ.</summary>
    public long MlpCost => Blocks.All.Max(Mlp);

    /// <summary>R = T − target: what must go.</summary>
    public double Removal => Before.In(Limit.Measure) - Limit.Amount;

    /// <summary>k_min = ⌈R / (A + M)⌉: fewer blocks could not lose as much.</summary>
    public int MinBlocks => (int)Math.Ceiling(Removal / (AttentionCost + MlpCost));

    /// <summary>k_max = ⌊R / A⌋: with more blocks, the attentions alone would be too much. May exceed the number of candidates.</summary>
    public int MaxBlocks => (int)Math.Floor(Removal / AttentionCost);

    public override ImmutableArray<string> Warnings => ChosenOption.Ratio >= CrippledMlpRatio ? [] :
        [string.Create(CultureInfo.InvariantCulture, $"{Count} blocks keep only {ChosenOption.Units[0]} of "
            + $"{Blocks.Hidden} hidden units each (MLP ratio {ChosenOption.Ratio:0.###}); a larger k keeps more.")];

    private protected override double PreferredRatio => Profile.PreferredMlpRatio;

    // §2.2: at least one attention must go, so a smaller removal is out of reach; with more blocks than k_max, the attentions alone would be too much.
    private protected override IEnumerable<DcVitOption> Feasible()
    {
        for (var k = 1; k <= Candidates.Length; k++)
        {
            var least = Blocks.Cheapest(Limit.Measure).Take(k).ToList();
            if (Removal < least.Sum(Attention)) yield break;
            if (Option(least) is { } option) yield return option;
        }
    }

    private protected override DcVitOption? Exactly(IReadOnlyCollection<int> blocks) =>
        ChosenOption.Hidden is not null || blocks.Count != Count ? null : Option([.. Blocks.All.Where(b => blocks.Contains(b.Index))]);

    private protected override Architecture Edit(Architecture net, int block, int units)
    {
        var vit = (VitArchitecture)net;
        return vit with { Blocks = vit.Blocks.SetItem(block, DcVitBlocks.Compress(vit.Blocks[block], units, Profile)) };
    }

    private protected override PlanOption Tell(DcVitOption option) =>
        new(option.Cost) { Blocks = option.Blocks, MlpRatio = option.Ratio, Hidden = option.Hidden };

    private protected override (string What, Cost Least, Cost Most, string Gap) Reach() => (
        "dc-vit cannot bring", With(Candidates.Length, _ => 1), With(1, b => b.Hidden),
        MinBlocks <= MaxBlocks || Removal < AttentionCost || MinBlocks > Candidates.Length ? ""
            : $", but not this value in between; {Limit.Measure.Describe(With(MinBlocks, b => b.Hidden).In(Limit.Measure))} is the next lower one");

    // What is left of k blocks; null when nothing is.
    private DcVitOption? Option(List<UniformBlock> blocks)
    {
        var k = blocks.Count;
        // The dense ratio is 4 in every published ViT; ρ(k) = 4·(1 − (R/k − A)/M), with A and M of a block on average.
        var denseRatio = (double)Blocks.Hidden / Blocks.All[0].Width;
        var ratio = denseRatio * (1 - (Removal / k - blocks.Sum(Attention) / (double)k) / (blocks.Sum(Mlp) / (double)k));
        ImmutableArray<int> units = [.. Blocks.All.Select(b => Math.Min(b.Hidden, (int)Math.Floor(b.Width * ratio + Profile.RoundingGuard)))];
        // In a large or a small network the guard may be worth more than the tolerance on the target; the target comes first.
        if (units.All(u => u > 0) && !Limit.Met(Cost(units))) units = [.. units.Select(u => u - 1)];
        return units.All(u => u > 0) ? new DcVitOption(k, ratio, units, Cost(units)) : null;

        Cost Cost(ImmutableArray<int> hidden) => CostOf(blocks.Select(b => b.Index), hidden);
    }

    private long Attention(UniformBlock block) => block.Attention.In(Limit.Measure);

    private long Mlp(UniformBlock block) => block.Hidden * block.MlpUnit.In(Limit.Measure);

    private Cost With(int k, Func<UniformBlock, int> hidden) =>
        CostOf(Blocks.Cheapest(Limit.Measure).Take(k).Select(b => b.Index), [.. Blocks.All.Select(hidden)]);
}
