using Espalier.Models;
using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models.Vit;

namespace Espalier.DcVit;

/// <summary>What a run will do to how many blocks, out of which: the outcome of planning, whatever the edit.</summary>
/// <param name="Candidates">Blocks that may be edited, ascending.</param>
/// <param name="Count">k.</param>
/// <param name="Hidden">h; the whole MLP where the edit leaves it whole, 0 where it removes it; null where stages differ.</param>
/// <param name="Limit">The target in its measure.</param>
/// <param name="Before">Cost of the given network.</param>
/// <param name="After">Cost of the result.</param>
/// <param name="Warnings">What the user should know about the choice.</param>
public sealed record Structure(ImmutableArray<int> Candidates, int Count, int? Hidden, Limit Limit, Cost Before, Cost After,
    ImmutableArray<string> Warnings)
{
    /// <summary>The plan behind it; null when the edit has no width to choose.</summary>
    public DcVitPlan? Dense { get; private init; }

    /// <summary>Hidden units that stay in a candidate.</summary>
    public int HiddenIn(int block) => Dense is { } plan ? plan.ChosenOption.Units[Candidates.IndexOf(block)] : Hidden ?? 0;

    /// <summary>The same once its blocks are known, see <see cref="DcVitPlan.For"/>.</summary>
    public Structure For(IReadOnlyCollection<int> blocks) => blocks.Count == Count && Dense?.For(blocks) is { } plan
        ? this with { Dense = plan, After = plan.ChosenOption.Cost } : this;

    /// <summary>Plans for a network, a target and the method's switches.</summary>
    /// <exception cref="UsageException">A block that was named does not exist or cannot be edited.</exception>
    /// <exception cref="BudgetException">The target cannot be met; the message gives the reachable range.</exception>
    public static Structure Plan(VitArchitecture net, Target target, DcVitOptions options)
    {
        if (options.Order is { } listed && listed.Distinct().Count() != listed.Length)
            throw new UsageException($"--order {string.Join(",", listed)} names a block twice.");
        var candidates = CandidateChoice(net, options);
        var k = options.K ?? options.Order?.Length;
        if (options.Variant == BlockVariant.Compress)
        {
            var plan = DcVitPlan.Create(net, target, options.Profile, k, candidates);
            var chosen = plan.ChosenOption;
            return Checked(new(plan.Candidates.Indices, chosen.Blocks, chosen.Hidden, plan.Limit, plan.Before, chosen.Cost, [.. plan.Warnings]) { Dense = plan }, options);
        }
        var whole = VariantPlan.Create(net, target, options.Variant, options.Profile, k, candidates);
        int? hidden = options.Variant != BlockVariant.RemoveAttention ? 0
            : whole.Candidates.All.Select(b => b.Hidden).Distinct().Count() == 1 ? whole.Candidates.Hidden : null;
        return Checked(new(whole.Candidates.Indices, whole.ChosenOption.Blocks, hidden, whole.Limit, whole.Before, whole.ChosenOption.Cost, []), options);
    }

    private static Structure Checked(Structure structure, DcVitOptions options)
    {
        if (options.Order is not { } order) return structure;
        if (order.Length != structure.Count)
            throw new UsageException($"--order names {order.Length} blocks but --k asks for {structure.Count}.");
        return structure;
    }

    /// <summary>
    /// The blocks that may be edited, when the switches limit them: an order or a list of candidates names them itself; blocks to keep are
    /// taken out of whatever the profile allows.
    /// </summary>
    /// <exception cref="UsageException">A block is both named and kept.</exception>
    public static ImmutableArray<int>? CandidateChoice(VitArchitecture net, DcVitOptions options)
    {
        if ((options.Order ?? options.Candidates) is { } named)
        {
            if (named.FirstOrDefault(options.Keep.Contains, -1) is var kept and not -1)
                throw new UsageException($"--keep says that block {kept} must stay, --order or --blocks says that it may go.");
            return named;
        }
        if (options.Keep.IsEmpty) return null;
        return [.. DcVitBlocks.Candidates(net, options.Profile).Indices.Except(options.Keep)];
    }
}
