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

    /// <summary>A: cost of one attention branch, LN1 included.</summary>
    public long AttentionCost => Candidates.Attention.In(Limit.Measure);

    /// <summary>M: cost of the MLP's hidden units, all of them; LN2 and fc2's bias stay and do not count.</summary>
    public long MlpCost => Candidates.Hidden * Candidates.MlpUnit.In(Limit.Measure);

    /// <summary>R = T − target: what must go.</summary>
    public double Removal => Before.In(Limit.Measure) - Limit.Amount;

    /// <summary>k_min = ⌈R / (A + M)⌉: fewer blocks could not lose as much.</summary>
    public int MinBlocks => (int)Math.Ceiling(Removal / (AttentionCost + MlpCost));

    /// <summary>k_max = ⌊R / A⌋: with more blocks, the attentions alone would be too much. May exceed the number of candidates.</summary>
    public int MaxBlocks => (int)Math.Floor(Removal / AttentionCost);

    /// <summary>What the user should know about the choice.</summary>
    public IEnumerable<string> Warnings => ChosenOption.MlpRatio >= CrippledMlpRatio ? [] :
        [string.Create(CultureInfo.InvariantCulture, $"{ChosenOption.Blocks} blocks keep only {ChosenOption.Hidden} of "
            + $"{Candidates.Hidden} hidden units each (MLP ratio {ChosenOption.MlpRatio:0.###}); a larger --k keeps more.")];

    /// <summary>Lists every feasible k and chooses one.</summary>
    /// <param name="net">The network to compress; blocks that were compressed before stay as they are.</param>
    /// <param name="target">Fractions are of <paramref name="net"/>, as given.</param>
    /// <param name="profile">null means <see cref="DcVitProfile.Clean"/>.</param>
    /// <param name="blocks">k, when the user forces it.</param>
    /// <param name="candidates">Blocks that may be compressed; null means all the profile allows.</param>
    /// <exception cref="UsageException">No block can be compressed, or blocks differ in cost.</exception>
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
    public VitArchitecture Apply(IEnumerable<int> blocks) => DcVitBlocks.Compress(Architecture, blocks, ChosenOption.Hidden, Profile);

    private IEnumerable<DcVitOption> Feasible()
    {
        for (var k = Math.Max(1, MinBlocks); k <= Math.Min(MaxBlocks, Candidates.Indices.Length); k++)
        {
            // The dense ratio is 4 in every published ViT; ρ(k) = 4·(1 − (R/k − A)/M).
            var denseRatio = (double)Candidates.Hidden / Architecture.EmbedDim;
            var ratio = denseRatio * (1 - (Removal / k - AttentionCost) / MlpCost);
            var hidden = Math.Min(Candidates.Hidden, (int)Math.Floor(Architecture.EmbedDim * ratio + Profile.RoundingGuard));
            // In a large or a small network the guard may be worth more than the tolerance on the target; the target comes first.
            if (hidden > 0 && !Limit.Met(CostWith(k, hidden))) hidden--;
            if (hidden > 0) yield return new DcVitOption(k, ratio, hidden, CostWith(k, hidden));
        }
    }

    private Cost CostWith(int k, int hidden) => VitCost.Of(DcVitBlocks.Compress(Architecture, Candidates.Indices.Take(k), hidden, Profile));

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
        var (most, least) = (Reach(1, Candidates.Hidden), Reach(Candidates.Indices.Length, 1));
        var total = Before.In(Limit.Measure);
        return new BudgetException(string.Create(CultureInfo.InvariantCulture,
            $"dc-vit cannot bring {Architecture.Name} from {Limit.Measure.Describe(total)} to {Limit.Describe()}: it "
                + $"reaches {Limit.Measure.Describe(least)} to {Limit.Measure.Describe(most)} "
                + $"({100.0 * least / total:0.##}% to {100.0 * most / total:0.##}%)")
            + (MinBlocks > MaxBlocks && Removal >= AttentionCost && MinBlocks <= Candidates.Indices.Length
                ? $", but not this value in between; {Limit.Measure.Describe(Reach(MinBlocks, Candidates.Hidden))} is the "
                    + "next lower one." : "."));
    }

    private long Reach(int k, int hidden) => CostWith(k, hidden).In(Limit.Measure);
}
