using System.Collections.Immutable;
using System.Globalization;
using Espalier.Budget;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Vit;

namespace Espalier.DcVit;

/// <summary>
/// From a target to a number of blocks, for the edits that have no width to choose: whole-block dropping (PRACTISE) and the ablations of
/// §1.3. Blocks are edited until the target is met, so the result may lie well below it.
/// </summary>
public sealed record VariantPlan
{
    public required BlockVariant Variant { get; init; }

    public required Limit Limit { get; init; }

    /// <summary>What the given network costs.</summary>
    public required Cost Before { get; init; }

    public required UniformBlocks Candidates { get; init; }

    /// <summary>Every number of blocks that meets the limit, ascending; the first is the smallest edit.</summary>
    public required ImmutableArray<PlanOption> Options { get; init; }

    /// <summary>Index of the chosen one in <see cref="Options"/>.</summary>
    public int Chosen { get; private init; }

    public PlanOption ChosenOption => Options[Chosen];

    /// <summary>Finds the numbers of blocks that meet the target.</summary>
    /// <param name="net">The network to compress.</param>
    /// <param name="target">Fractions are of <paramref name="net"/>, as given.</param>
    /// <param name="variant">Any edit but <see cref="BlockVariant.Compress"/>.</param>
    /// <param name="profile">null means <see cref="DcVitProfile.Clean"/>.</param>
    /// <param name="blocks">k, when the user forces it.</param>
    /// <param name="candidates">Blocks that may be edited; null means all the profile allows.</param>
    /// <exception cref="UsageException">No block can be edited, or they differ in shape.</exception>
    /// <exception cref="BudgetException">The target is met already, or not even with all candidates edited, or not with k blocks.</exception>
    public static VariantPlan Create(VitArchitecture net, Target target, BlockVariant variant, DcVitProfile? profile = null, int? blocks = null,
        IReadOnlyCollection<int>? candidates = null)
    {
        profile ??= DcVitProfile.Clean;
        var before = VitCost.Of(net);
        var limit = target.Resolve(before);
        var uniform = DcVitBlocks.Candidates(net, profile, candidates);
        int[] least = [.. uniform.Cheapest(limit.Measure).Select(b => b.Index)];
        ImmutableArray<PlanOption> all = [.. Enumerable.Range(1, least.Length).Select(j => new PlanOption(
            VitCost.Of(BlockVariants.Apply(net, least.Take(j), variant, hidden: 0, profile))) { Blocks = j })];
        ImmutableArray<PlanOption> options = [.. all.Where(o => limit.Met(o.Cost))];
        if (options.IsEmpty || limit.Met(before)) throw Unreachable(net, limit, before, all);
        return new()
        {
            Variant = variant, Limit = limit, Before = before, Candidates = uniform, Options = options,
            Chosen = blocks is { } k ? Index(options, k, net, limit) : 0,
        };
    }

    private static int Index(ImmutableArray<PlanOption> options, int k, VitArchitecture net, Limit limit)
    {
        for (var i = 0; i < options.Length; i++)
            if (options[i].Blocks == k) return i;
        throw new BudgetException($"--k {k} cannot meet {limit.Describe()} on {net.Name}: {options[0].Blocks} to {options[^1].Blocks} blocks can.");
    }

    private static BudgetException Unreachable(VitArchitecture net, Limit limit, Cost before, ImmutableArray<PlanOption> all)
    {
        var (least, most) = (all.Min(o => o.Cost.In(limit.Measure)), all.Max(o => o.Cost.In(limit.Measure)));
        return new BudgetException(string.Create(CultureInfo.InvariantCulture,
            $"Editing whole blocks cannot bring {net.Name} from {limit.Measure.Describe(before.In(limit.Measure))} to {limit.Describe()}: it reaches {limit.Measure.Describe(least)} to {limit.Measure.Describe(most)}."));
    }
}
