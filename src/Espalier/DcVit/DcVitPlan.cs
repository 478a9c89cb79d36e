using Espalier.Models;
using System.Collections.Immutable;
using System.Globalization;
using Espalier.Budget;
using Espalier.Models.Vit;

namespace Espalier.DcVit;

/// <summary>
/// From a target to (k, ρ): how many blocks lose their attention and how much of their MLPs stays (DC-ViT, specification §2.2).
/// Which blocks is decided later, by recoverability. All amounts are in the target's own measure.
/// </summary>
public sealed record DcVitPlan
{
    /// <summary>Below this ρ an MLP has too few units left to be worth its block.</summary>
    private const double CrippledMlpRatio = 0.5;

    public required VitArchitecture Architecture { get; init; }

    public required DcVitProfile Profile { get; init; }

    public required Limit Limit { get; init; }

    /// <summary>T: what the given network costs.</summary>
    public required Cost Before { get; init; }

    public required UniformBlocks Candidates { get; init; }

    /// <summary>Every structure that meets the limit, by ascending k; at least one.</summary>
    public ImmutableArray<DcVitOption> Options { get; private init; }

    /// <summary>Index of the chosen one in <see cref="Options"/>.</summary>
    public int Chosen { get; private init; }

    public DcVitOption ChosenOption => Options[Chosen];

    /// <summary>A: cost of one attention branch, LN1 included; of the cheapest where stages differ.</summary>
    public long AttentionCost => Candidates.All.Min(b => b.Attention.In(Limit.Measure));

    /// <summary>M: cost of the MLP's hidden units, all of them; LN2 and fc2's bias stay and do not count. Of the dearest where stages differ.</summary>
    public long MlpCost => Candidates.All.Max(Mlp);

    /// <summary>R = T − target: what must go.</summary>
    public double Removal => Before.In(Limit.Measure) - Limit.Amount;

    /// <summary>k_min = ⌈R / (A + M)⌉: fewer blocks could not lose as much.</summary>
    public int MinBlocks => (int)Math.Ceiling(Removal / (AttentionCost + MlpCost));

    /// <summary>k_max = ⌊R / A⌋: with more blocks, the attentions alone would be too much. May exceed the number of candidates.</summary>
    public int MaxBlocks => (int)Math.Floor(Removal / AttentionCost);

    /// <summary>What the user should know about the choice.</summary>
    public IEnumerable<string> Warnings => ChosenOption.MlpRatio >= CrippledMlpRatio ? [] :
        [string.Create(CultureInfo.InvariantCulture, $"{ChosenOption.Blocks} blocks keep only {ChosenOption.Units[0]} of "
            + $"{Candidates.Hidden} hidden units each (MLP ratio {ChosenOption.MlpRatio:0.###}); a larger --k keeps more.")];

    /// <summary>Lists every feasible k and chooses one.</summary>
    /// <param name="net">The network to compress; blocks that were compressed before stay as they are.</param>
    /// <param name="target">Fractions are of <paramref name="net"/>, as given.</param>
    /// <param name="profile">null means <see cref="DcVitProfile.Clean"/>.</param>
    /// <param name="blocks">k, when the user forces it.</param>
    /// <param name="candidates">Blocks that may be compressed; null means all the profile allows.</param>
    /// <exception cref="UsageException">No block can be compressed, or blocks differ in shape.</exception>
    /// <exception cref="BudgetException">No structure meets the target, or none with <paramref name="blocks"/> blocks.</exception>
    public static DcVitPlan Create(VitArchitecture net, Target target, DcVitProfile? profile = null, int? blocks = null,
        IReadOnlyCollection<int>? candidates = null)
    {
        profile ??= DcVitProfile.Clean;
        var before = VitCost.Of(net);
        var plan = new DcVitPlan
        {
            Architecture = net,
            Profile = profile,
            Before = before,
            Limit = target.Resolve(before),
            Candidates = DcVitBlocks.Candidates(net, profile, candidates),
        };
        // §2.2: at least one attention must go, so a smaller removal is out of reach.
        if (plan.Removal < plan.AttentionCost) throw plan.Unreachable();
        plan = plan with { Options = [.. plan.Feasible()] };
        if (plan.Options.IsEmpty) throw plan.Unreachable();
        return plan with { Chosen = plan.Choose(blocks) };
    }

    /// <summary>The network with the chosen number of hidden units in <paramref name="blocks"/> (indices, any number of them).</summary>
    public VitArchitecture Apply(IEnumerable<int> blocks) => Compressed(blocks, ChosenOption.Units);

    /// <summary>
    /// The plan once its k blocks are known. Where stages differ, it counted on those that save least; others leave more hidden units.
    /// </summary>
    /// <param name="blocks">The chosen blocks.</param>
    public DcVitPlan For(IReadOnlyCollection<int> blocks)
    {
        var chosen = Candidates.All.Where(b => blocks.Contains(b.Index)).ToList();
        if (ChosenOption.Hidden is not null || chosen.Count != ChosenOption.Blocks || Option(chosen) is not { } exact) return this;
        return this with { Options = Options.SetItem(Chosen, exact) };
    }

    private IEnumerable<DcVitOption> Feasible()
    {
        for (var k = 1; k <= Candidates.All.Length; k++)
        {
            // With more blocks, the attentions alone would be too much.
            var least = Candidates.Cheapest(Limit.Measure).Take(k).ToList();
            if (Removal < least.Sum(Attention)) yield break;
            if (Option(least) is { } option) yield return option;
        }
    }

    // What is left of k blocks; null when nothing is.
    private DcVitOption? Option(List<UniformBlock> blocks)
    {
        var k = blocks.Count;
        // The dense ratio is 4 in every published ViT; ρ(k) = 4·(1 − (R/k − A)/M), with A and M of a block on average.
        var denseRatio = (double)Candidates.Hidden / Candidates.All[0].Width;
        var ratio = denseRatio * (1 - (Removal / k - blocks.Sum(Attention) / (double)k) / (blocks.Sum(Mlp) / (double)k));
        ImmutableArray<int> units = [.. Candidates.All.Select(b => Math.Min(b.Hidden, (int)Math.Floor(b.Width * ratio + Profile.RoundingGuard)))];
        // In a large or a small network the guard may be worth more than the tolerance on the target; the target comes first.
        if (units.All(u => u > 0) && !Limit.Met(Cost(units))) units = [.. units.Select(u => u - 1)];
        return units.All(u => u > 0) ? new DcVitOption(k, ratio, units, Cost(units)) : null;

        Cost Cost(ImmutableArray<int> hidden) => VitCost.Of(Compressed(blocks.Select(b => b.Index), hidden));
    }

    private VitArchitecture Compressed(IEnumerable<int> blocks, ImmutableArray<int> units) =>
        DcVitBlocks.Compress(Architecture, blocks.Select(i => (i, units[Candidates.Indices.IndexOf(i)])), Profile);

    private long Attention(UniformBlock block) => block.Attention.In(Limit.Measure);

    private long Mlp(UniformBlock block) => block.Hidden * block.MlpUnit.In(Limit.Measure);

    /// <summary>ρ grows with k, so when no k reaches the preferred ratio the last one comes closest.</summary>
    private int Choose(int? forced)
    {
        if (forced is not { } k)
        {
            var preferred = Options.FirstOrDefault(o => o.MlpRatio >= Profile.PreferredMlpRatio) ?? Options[^1];
            return Options.IndexOf(preferred);
        }
        var index = Options.IndexOf(Options.FirstOrDefault(o => o.Blocks == k)!);
        return index >= 0 ? index : throw new BudgetException(
            $"--k {k} cannot meet {Limit.Describe()} on {Architecture.Name}: {Options[0].Blocks} to {Options[^1].Blocks} "
                + "blocks can.");
    }

    private BudgetException Unreachable()
    {
        var (most, least) = (Reach(1, b => b.Hidden), Reach(Candidates.All.Length, _ => 1));
        var total = Before.In(Limit.Measure);
        return new BudgetException(string.Create(CultureInfo.InvariantCulture,
            $"dc-vit cannot bring {Architecture.Name} from {Limit.Measure.Describe(total)} to {Limit.Describe()}: it "
                + $"reaches {Limit.Measure.Describe(least)} to {Limit.Measure.Describe(most)} "
                + $"({100.0 * least / total:0.##}% to {100.0 * most / total:0.##}%)")
            + (MinBlocks > MaxBlocks && Removal >= AttentionCost && MinBlocks <= Candidates.Indices.Length
                ? $", but not this value in between; {Limit.Measure.Describe(Reach(MinBlocks, b => b.Hidden))} is the "
                    + "next lower one." : "."));
    }

    private long Reach(int k, Func<UniformBlock, int> hidden) => VitCost.Of(
        Compressed(Candidates.Cheapest(Limit.Measure).Take(k).Select(b => b.Index), [.. Candidates.All.Select(hidden)])).In(Limit.Measure);
}
