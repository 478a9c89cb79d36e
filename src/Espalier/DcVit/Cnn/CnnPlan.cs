using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.FewShot;
using Espalier.Finetuning;
using Espalier.Models;
using Espalier.Models.Cnn;

namespace Espalier.DcVit.Cnn;

/// <summary>
/// What a run does to a convolutional network (§1.5). <c>cnn-drop</c>: whole identity-shaped blocks go, in the order of their rank, until the target is
/// met. <c>cnn-dense</c>, an extension of the paper: a random subset of each one's inner channels stays; the last block keeps as many as the target
/// leaves it, so that the size is met as closely as one channel allows. Blocks differ in what they save: the plan counts on those that save least, and a
/// run may get by with fewer. An option's blocks are the most that have to be edited, whichever they are.
/// </summary>
public sealed record CnnPlan : Structure
{
    private readonly BlockVariant _variant;
    private readonly bool _forced;

    private CnnPlan(CnnArchitecture net, Limit limit, ImmutableArray<int> candidates, BlockVariant variant, bool forced)
        : base(net, limit, candidates) => (_variant, _forced) = (variant, forced);

    /// <summary>Null: the last block keeps what the target leaves it, which is not known before it is.</summary>
    public override int? Hidden => null;

    private protected override double PreferredRatio => 0.25;

    /// <summary>Checks what a convolutional network has of the method's switches.</summary>
    /// <exception cref="UsageException">An edit or a block was named that it does not have.</exception>
    internal static CnnPlan Of(CnnArchitecture net, Limit limit, BlockVariant variant, DcVitOptions options)
    {
        if (variant is not (BlockVariant.Compress or BlockVariant.Drop))
            throw new UsageException($"{net.Name} is a convolutional network; its blocks are dropped (cnn-drop) or narrowed (cnn-dense).") { Settings = [nameof(options.Variant)] };
        if (options.MlpInit != MlpInit.RandomSample)
            throw new UsageException($"The inner channels of {net.Name}, a convolutional network, are drawn at random.") { Settings = [nameof(options.MlpInit)] };
        if (options.Finetune.Update is { } update) UpdateRanges.Require(net, update);
        return new CnnPlan(net, limit, CandidatesOf(net, options), variant, forced: (options.K ?? options.Order?.Length) is not null);
    }

    /// <summary>Recoverability is worth what the block saves: the distance for each average saving.</summary>
    public override double Weigh(int block, double metric)
    {
        var mean = Candidates.Average(b => (double)Saving(b, ChosenOption.Units));
        return metric * mean / Math.Max(1, Saving(block, ChosenOption.Units));
    }

    /// <summary>As many as it takes, unless their number is given.</summary>
    public override ImmutableArray<int> Choose(ImmutableArray<int> ranked)
    {
        if (_forced) return base.Choose(ranked);
        var chosen = ImmutableArray.CreateBuilder<int>();
        foreach (var block in ranked)
        {
            if (Limit.Met(CostOf(chosen, ChosenOption.Units))) break;
            chosen.Add(block);
        }
        return chosen.ToImmutable();
    }

    private protected override IEnumerable<DcVitOption> Feasible() => _variant == BlockVariant.Drop ? Whole(Units(0))
        : Enumerable.Range(1, Candidates.Length).Where(k => Limit.Met(Most(k, Units(0)))).Select(Widest);

    private protected override DcVitOption? Exactly(IReadOnlyCollection<int> blocks)
    {
        if (blocks.Count == 0) return null;
        var (units, last) = (ChosenOption.Units, Candidates.IndexOf(blocks.Last()));
        if (_variant == BlockVariant.Compress)
            while (units[last] < Block(Candidates[last]).Hidden && Limit.Met(CostOf(blocks, Wider()))) units = Wider();
        return new DcVitOption(blocks.Count, ChosenOption.Ratio, units, CostOf(blocks, units));

        ImmutableArray<int> Wider() => units.SetItem(last, units[last] + 1);
    }

    private protected override Architecture Edit(Architecture net, int block, int units)
    {
        var (cnn, before) = ((CnnArchitecture)net, ((CnnArchitecture)net).Blocks[block]);
        return cnn with { Blocks = cnn.Blocks.SetItem(block, _variant == BlockVariant.Drop ? before.Drop() : before with { Hidden = units }) };
    }

    private protected override PlanOption Tell(DcVitOption option) => new(option.Cost) { Blocks = option.Blocks, HiddenRatio = option.Ratio };

    private protected override (string What, Cost Least, Cost Most, string Gap) Reach() => (
        _variant == BlockVariant.Drop ? "Editing whole blocks cannot bring" : "dc-vit cannot bring",
        Most(Candidates.Length, Units(0)), Most(1, [.. Candidates.Select(b => Block(b).Hidden - 1)]), "");

    // The largest share that the target leaves to k blocks.
    private DcVitOption Widest(int k)
    {
        var (low, high) = (0.0, 1.0);
        for (var step = 0; step < 40; step++)
        {
            var middle = (low + high) / 2;
            if (Limit.Met(Most(k, Units(middle)))) low = middle;
            else high = middle;
        }
        return new DcVitOption(k, low, Units(low), Most(k, Units(low)));
    }

    private ImmutableArray<int> Units(double ratio) =>
        [.. Candidates.Select(b => Math.Clamp((int)Math.Floor(ratio * Block(b).Hidden + 1e-9), 1, Block(b).Hidden))];

    private CnnBlock Block(int index) => ((CnnArchitecture)Net).Blocks[index];

    private static ImmutableArray<int> CandidatesOf(CnnArchitecture net, DcVitOptions options)
    {
        ImmutableArray<int> removable = [.. net.Removable];
        if (Named(options) is { } named)
        {
            if (named.FirstOrDefault(i => !removable.Contains(i), -1) is var odd and not -1)
                throw new UsageException($"{net.Name}: block {odd} cannot be cut alone; those that can are {string.Join(", ", removable)}.");
            removable = [.. removable.Where(named.Contains)];
        }
        removable = [.. removable.Except(options.Keep)];
        return !removable.IsEmpty ? removable
            : throw new UsageException($"{net.Name} has no block that can be cut alone; nothing is left to compress.");
    }
}
