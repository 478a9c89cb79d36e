using System.Collections.Immutable;
using System.Globalization;
using Espalier.Budget;
using Espalier.Finetuning;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Cnn;

namespace Espalier.DcVit.Cnn;

/// <summary>
/// What a run does to a convolutional network (§1.5). <c>cnn-drop</c>: whole identity-shaped blocks go, in the order of their rank, until the target is
/// met. <c>cnn-dense</c>, an extension of the paper: a random subset of each one's inner channels stays; the last block keeps as many as the target
/// leaves it, so that the size is met as closely as one channel allows. Blocks differ in what they save: the plan counts on those that save least, and a
/// run may get by with fewer. An option's blocks are the most that have to be edited, whichever they are.
/// </summary>
public sealed record CnnStructure : Structure
{
    /// <summary>By default the fewest blocks are chosen that keep at least this share of their channels.</summary>
    private const double PreferredRatio = 0.25;

    private readonly CnnArchitecture _net;
    private readonly BlockVariant _variant;
    private readonly ImmutableDictionary<int, int> _hidden;
    private readonly bool _forced;

    private CnnStructure(CnnArchitecture net, BlockVariant variant, ImmutableArray<int> candidates, Limit limit, PlanOption chosen, bool forced)
        : base(candidates, chosen.Blocks!.Value, null, limit, net.Cost(), chosen.Cost, [])
    {
        (_net, _variant, _forced) = (net, variant, forced);
        _hidden = candidates.ToImmutableDictionary(b => b, b => Kept(net.Blocks[b], chosen.HiddenRatio ?? 0));
    }

    /// <summary>Plans for a network, a target and the method's switches.</summary>
    /// <param name="net">The network.</param>
    /// <param name="target">Fractions are of it, as given.</param>
    /// <param name="options">The switches.</param>
    /// <param name="seed">For <see cref="BlockChoice.Random"/>.</param>
    /// <exception cref="UsageException">An edit or a block was named that a convolutional network does not have.</exception>
    /// <exception cref="BudgetException">The target cannot be met; the message gives the reachable range.</exception>
    public static CnnStructure Plan(CnnArchitecture net, Target target, DcVitOptions options, ulong seed = 0)
    {
        var variant = options.VariantFor(net);
        if (variant is not (BlockVariant.Compress or BlockVariant.Drop))
            throw new UsageException($"{net.Name} is a convolutional network; its blocks are dropped (--variant cnn-drop) or narrowed (--variant cnn-dense).");
        if (options.UnitChoice != UnitChoice.RandomSample)
            throw new UsageException($"--unit-choice: the inner channels of {net.Name}, a convolutional network, are drawn at random.");
        if (options.Finetune.Update is { } update) UpdateRanges.Require(net, update);
        if (options.Order is { } listed && listed.Distinct().Count() != listed.Length) throw new UsageException($"--order {string.Join(",", listed)} names a block twice.");
        var candidates = CandidatesOf(net, options);
        var limit = target.Resolve(net.Cost());
        ImmutableArray<PlanOption> all = [.. Feasible(net, limit, variant, candidates)];
        if (all.IsEmpty || limit.Met(net.Cost())) throw Unreachable(net, limit, variant, candidates);
        var k = options.K ?? options.Order?.Length;
        var preferred = all.FirstOrDefault(o => o.HiddenRatio is not { } ratio || ratio >= PreferredRatio) ?? all[^1];
        var chosen = k is null ? all.IndexOf(preferred) : all.IndexOf(all.FirstOrDefault(o => o.Blocks == k)!);
        if (chosen < 0)
            throw new BudgetException($"--k {k} cannot meet {limit.Describe()} on {net.Name} whichever blocks they are: {all[0].Blocks} to {all[^1].Blocks} blocks can.");
        var structure = new CnnStructure(net, variant, candidates, limit, all[chosen], forced: k is not null) { Options = all, ChosenIndex = chosen };
        return structure with { Order = options.Order ?? structure.Chosen(options.Choice, seed) };
    }

    public override int HiddenIn(int block) => _hidden[block];

    /// <summary>Recoverability is worth what the block saves: the distance for each average saving.</summary>
    public override double Weigh(int block, double metric)
    {
        var mean = Candidates.Average(b => (double)Saving(b, _hidden[b]));
        return metric * mean / Math.Max(1, Saving(block, _hidden[block]));
    }

    public override ImmutableArray<int> Choose(ImmutableArray<int> ranked)
    {
        if (_forced) return [.. ranked.Take(Count)];
        var chosen = ImmutableArray.CreateBuilder<int>();
        foreach (var block in ranked)
        {
            if (Limit.Met(CostOf(chosen, _hidden))) break;
            chosen.Add(block);
        }
        return chosen.ToImmutable();
    }

    public override Architecture Apply(Architecture net, IEnumerable<int> blocks, DcVitOptions options) => EditedAll(blocks, _hidden);

    public override Structure For(IReadOnlyCollection<int> blocks)
    {
        if (blocks.Count == 0) return this;
        var (hidden, last) = (_hidden, blocks.Last());
        if (_variant == BlockVariant.Compress)
            while (hidden[last] < _net.Blocks[last].Hidden && Limit.Met(CostOf(blocks, hidden.SetItem(last, hidden[last] + 1))))
                hidden = hidden.SetItem(last, hidden[last] + 1);
        return new CnnStructure(this, hidden) { After = CostOf(blocks, hidden) };
    }

    [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
    private CnnStructure(CnnStructure other, ImmutableDictionary<int, int> hidden) : base(other) =>
        (_net, _variant, _forced, _hidden) = (other._net, other._variant, other._forced, hidden);

    private static ImmutableArray<int> CandidatesOf(CnnArchitecture net, DcVitOptions options)
    {
        ImmutableArray<int> removable = [.. net.Removable];
        if ((options.Order ?? options.Candidates) is { } named)
        {
            if (named.FirstOrDefault(i => !removable.Contains(i), -1) is var odd and not -1)
                throw new UsageException($"{net.Name}: block {odd} cannot be cut alone; those that can are {string.Join(", ", removable)}.");
            if (named.FirstOrDefault(options.Keep.Contains, -1) is var kept and not -1)
                throw new UsageException($"--keep says that block {kept} must stay, --order or --blocks says that it may go.");
            removable = [.. removable.Where(named.Contains)];
        }
        removable = [.. removable.Except(options.Keep)];
        return !removable.IsEmpty ? removable
            : throw new UsageException($"{net.Name} has no block that can be cut alone; nothing is left to compress.");
    }

    private static IEnumerable<PlanOption> Feasible(CnnArchitecture net, Limit limit, BlockVariant variant, ImmutableArray<int> candidates)
    {
        for (var k = 1; k <= candidates.Length; k++)
        {
            if (variant == BlockVariant.Drop)
            {
                var cost = WorstCase(net, limit, candidates, k, null);
                if (limit.Met(cost)) yield return new PlanOption(cost) { Blocks = k };
                continue;
            }
            if (!limit.Met(WorstCase(net, limit, candidates, k, 0))) continue;
            var (low, high) = (0.0, 1.0);
            for (var step = 0; step < 40; step++)
            {
                var middle = (low + high) / 2;
                if (limit.Met(WorstCase(net, limit, candidates, k, middle))) low = middle;
                else high = middle;
            }
            yield return new PlanOption(WorstCase(net, limit, candidates, k, low)) { Blocks = k, HiddenRatio = low };
        }
    }

    // The k blocks that save least are edited.
    private static Cost WorstCase(CnnArchitecture net, Limit limit, ImmutableArray<int> candidates, int k, double? ratio)
    {
        var least = candidates.Select(b => Edited(net, b, ratio is { } r ? Kept(net.Blocks[b], r) : null)).Select(n => net.Cost() - n.Cost())
            .OrderBy(saved => saved.In(limit.Measure)).Take(k);
        return least.Aggregate(net.Cost(), (cost, saved) => cost - saved);
    }

    private static int Kept(CnnBlock block, double ratio) => Math.Clamp((int)Math.Floor(ratio * block.Hidden + 1e-9), 1, block.Hidden);

    private static CnnArchitecture Edited(CnnArchitecture net, int block, int? hidden) =>
        net with { Blocks = net.Blocks.SetItem(block, hidden is { } h ? net.Blocks[block] with { Hidden = h } : net.Blocks[block].Drop()) };

    private long Saving(int block, int hidden) =>
        (Before - Edited(_net, block, _variant == BlockVariant.Compress ? hidden : null).Cost()).In(Limit.Measure);

    private Cost CostOf(IEnumerable<int> blocks, ImmutableDictionary<int, int> hidden) => EditedAll(blocks, hidden).Cost();

    private CnnArchitecture EditedAll(IEnumerable<int> blocks, ImmutableDictionary<int, int> hidden) =>
        blocks.Aggregate(_net, (net, b) => Edited(net, b, _variant == BlockVariant.Compress ? hidden[b] : null));

    private static BudgetException Unreachable(CnnArchitecture net, Limit limit, BlockVariant variant, ImmutableArray<int> candidates)
    {
        double? ratio = variant == BlockVariant.Compress ? 0 : null;
        var least = WorstCase(net, limit, candidates, candidates.Length, ratio).In(limit.Measure);
        var most = candidates.Max(b => Edited(net, b, variant == BlockVariant.Compress ? net.Blocks[b].Hidden - 1 : null).Cost().In(limit.Measure));
        var total = net.Cost().In(limit.Measure);
        return new BudgetException(string.Create(CultureInfo.InvariantCulture,
            $"dc-vit cannot bring {net.Name} from {limit.Measure.Describe(total)} to {limit.Describe()}: it reaches {limit.Measure.Describe(least)} to "
                + $"{limit.Measure.Describe(most)} ({100.0 * least / total:0.##}% to {100.0 * most / total:0.##}%)."));
    }
}
