using System.Collections.Immutable;
using System.Globalization;
using Espalier.Budget;
using Espalier.DcVit.Cnn;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Vit;

namespace Espalier.DcVit;

/// <summary>
/// What a run will do to how many blocks, out of which: the outcome of planning. An edit of a block is a record of its own that says what is
/// left of one: <see cref="DensePlan"/>, <see cref="WholeBlockPlan"/> and, for convolutional networks, <see cref="CnnPlan"/>.
/// </summary>
/// <param name="Net">The network, as given.</param>
/// <param name="Limit">The target in its measure.</param>
/// <param name="Candidates">Blocks that may be edited, ascending.</param>
public abstract record Structure(Architecture Net, Limit Limit, ImmutableArray<int> Candidates)
{
    /// <summary>Everything that meets the limit, by ascending number of blocks; at least one.</summary>
    public ImmutableArray<DcVitOption> Options { get; private init; } = [];

    /// <summary>Index of the chosen one in <see cref="Options"/>.</summary>
    public int Chosen { get; private init; }

    public DcVitOption ChosenOption => Options[Chosen];

    /// <summary>k.</summary>
    public int Count => ChosenOption.Blocks;

    /// <summary>The blocks in the order of compression when that needs no ranking: as given, or by a <see cref="BlockChoice"/>; null else.</summary>
    public ImmutableArray<int>? Order { get; private init; }

    /// <summary>T: cost of the given network.</summary>
    public Cost Before => Net.Cost();

    /// <summary>Cost of the result.</summary>
    public Cost After => ChosenOption.Cost;

    /// <summary>h; the whole MLP where the edit leaves it whole, 0 where it removes it; null where blocks differ.</summary>
    public virtual int? Hidden => ChosenOption.Hidden;

    /// <summary>What the user should know about the choice.</summary>
    public virtual ImmutableArray<string> Warnings => [];

    /// <summary>All of it as every method tells it.</summary>
    public CompressionPlan Summary => new(Limit, [.. Options.Select(Tell)], Chosen, Example()) { Warnings = Warnings };

    /// <summary>Plans for a network, a target and the method's switches.</summary>
    /// <param name="net">The network.</param>
    /// <param name="target">Fractions are of it, as given.</param>
    /// <param name="options">The switches.</param>
    /// <param name="seed">For <see cref="BlockChoice.Random"/>.</param>
    /// <exception cref="UsageException">An edit or a block was named that the network does not have.</exception>
    /// <exception cref="BudgetException">The target cannot be met; the message gives the reachable range.</exception>
    public static Structure Plan(Architecture net, Target target, DcVitOptions options, ulong seed = 0)
    {
        if (options.Order is { } listed && listed.Distinct().Count() != listed.Length)
            throw new UsageException($"The order {string.Join(",", listed)} names a block twice.") { Settings = [nameof(options.Order)] };
        if (options is { Order: { } order, K: { } k } && order.Length != k)
            throw new UsageException($"The order names {order.Length} blocks but {k} are asked for.") { Settings = [nameof(options.Order), nameof(options.K)] };
        var edit = Of(net, target.Resolve(net.Cost()), options);
        ImmutableArray<DcVitOption> all = [.. edit.Feasible()];
        if (all.IsEmpty || edit.Limit.Met(edit.Before)) throw edit.Unreachable();
        var plan = edit with { Options = all, Chosen = edit.Select(all, options.K ?? options.Order?.Length) };
        return plan with { Order = options.Order ?? plan.Unranked(options.Choice, seed) };
    }

    /// <summary>Hidden units, or inner channels, that stay in a candidate.</summary>
    public int HiddenIn(int block) => Kept(block, ChosenOption.Units);

    /// <summary>The same once its blocks are known: where blocks differ, a plan counts on those that save least, and others leave more.</summary>
    /// <param name="blocks">The chosen blocks, in the order of compression.</param>
    public Structure For(IReadOnlyCollection<int> blocks) =>
        Exactly(blocks) is { } exact ? this with { Options = Options.SetItem(Chosen, exact) } : this;

    /// <summary>The network with these blocks edited (indices, any number of them).</summary>
    public Architecture Apply(IEnumerable<int> blocks) => Apply(blocks, ChosenOption.Units);

    /// <summary>The blocks to compress, of all candidates by rank.</summary>
    public virtual ImmutableArray<int> Choose(ImmutableArray<int> ranked) => [.. ranked.Take(Count)];

    /// <summary>What a candidate's distance from the teacher counts in the ranking.</summary>
    public virtual double Weigh(int block, double metric) => metric;

    /// <summary>Every number of blocks that meets the limit, ascending.</summary>
    private protected abstract IEnumerable<DcVitOption> Feasible();

    /// <summary>The chosen option for these blocks; null when it holds for any.</summary>
    private protected abstract DcVitOption? Exactly(IReadOnlyCollection<int> blocks);

    /// <summary>A network with one more block edited.</summary>
    private protected abstract Architecture Edit(Architecture net, int block, int units);

    /// <summary>An option as every method tells it.</summary>
    private protected abstract PlanOption Tell(DcVitOption option);

    /// <summary>For the message that a target is out of reach: what is, the costs that are not, and what in between is besides.</summary>
    private protected abstract (string What, Cost Least, Cost Most, string Gap) Reach();

    /// <summary>The fewest blocks are chosen of which at least this much stays.</summary>
    private protected virtual double PreferredRatio => 0;

    private protected Architecture Apply(IEnumerable<int> blocks, ImmutableArray<int> units) =>
        blocks.Aggregate(Net, (net, block) => Edit(net, block, Kept(block, units)));

    private protected Cost CostOf(IEnumerable<int> blocks, ImmutableArray<int> units) => Apply(blocks, units).Cost();

    /// <summary>What the edit of one candidate saves, in the target's measure.</summary>
    private protected long Saving(int block, ImmutableArray<int> units) => (Before - CostOf([block], units)).In(Limit.Measure);

    /// <summary>The cost with k blocks edited, whichever they are: at most that with those that save least.</summary>
    private protected Cost Most(int k, ImmutableArray<int> units) => CostOf(Candidates.OrderBy(b => Saving(b, units)).Take(k), units);

    /// <summary>The options of an edit that leaves <paramref name="units"/> of the candidates and no choice.</summary>
    private protected IEnumerable<DcVitOption> Whole(ImmutableArray<int> units) =>
        Enumerable.Range(1, Candidates.Length).Select(k => new DcVitOption(k, null, units, Most(k, units))).Where(o => Limit.Met(o.Cost));

    /// <summary>
    /// The blocks that the switches name, when they do: an order or a list of candidates names them itself; blocks to keep are taken out of
    /// whatever else may be edited.
    /// </summary>
    /// <exception cref="UsageException">A block is both named and kept.</exception>
    private protected static ImmutableArray<int>? Named(DcVitOptions options)
    {
        if ((options.Order ?? options.Candidates) is not { } named) return null;
        return named.FirstOrDefault(options.Keep.Contains, -1) is var kept and not -1
            ? throw new UsageException($"Block {kept} is to stay, but the {(options.Order is null ? "candidates name" : "order names")} it as one that may go.")
            { Settings = [nameof(options.Keep), options.Order is null ? nameof(options.Candidates) : nameof(options.Order)] } : named;
    }

    private static Structure Of(Architecture net, Limit limit, DcVitOptions options)
    {
        var variant = options.VariantFor(net);
        if (net is CnnArchitecture cnn) return CnnPlan.Of(cnn, limit, variant, options);
        var vit = (VitArchitecture)net;
        var only = Named(options);
        if (only is null && !options.Keep.IsEmpty) only = [.. DcVitBlocks.Candidates(vit, options.Profile).Indices.Except(options.Keep)];
        var blocks = DcVitBlocks.Candidates(vit, options.Profile, only);
        return variant == BlockVariant.Compress ? new DensePlan(vit, limit, blocks, options.Profile)
            : new WholeBlockPlan(vit, limit, blocks, variant, options.Profile) { WeighsSavings = options.Recovery is not null };
    }

    // More blocks keep more of each, so when none keeps as much as is preferred the last one comes closest.
    private int Select(ImmutableArray<DcVitOption> all, int? forced)
    {
        if (forced is not { } k) return all.IndexOf(all.FirstOrDefault(o => o.Ratio is not { } ratio || ratio >= PreferredRatio) ?? all[^1]);
        return all.FirstOrDefault(o => o.Blocks == k) is { } option ? all.IndexOf(option) : throw new BudgetException(
            $"{k} blocks cannot meet {Limit.Describe()} on {Net.Name}: {all[0].Blocks} to {all[^1].Blocks} can, whichever they are.") { Settings = [nameof(DcVitOptions.K)] };
    }

    // The blocks a choice takes without ranking; null when it ranks.
    private ImmutableArray<int>? Unranked(BlockChoice choice, ulong seed) => choice switch
    {
        BlockChoice.First => Choose(Candidates),
        BlockChoice.Last => Choose([.. Candidates.Reverse()]),
        BlockChoice.Random => Choose([.. new SeededRandom(seed, "block choice").Permutation(Candidates.Length).Select(i => Candidates[i])]),
        _ => null,
    };

    // The network with the first candidates edited: before blocks are ranked, as good an example as any other.
    private Architecture Example()
    {
        var blocks = Choose(Candidates);
        return For(blocks).Apply(blocks);
    }

    private int Kept(int block, ImmutableArray<int> units) => units[Candidates.IndexOf(block)];

    private BudgetException Unreachable()
    {
        var ((what, least, most, gap), measure) = (Reach(), Limit.Measure);
        string Share(Cost cost) => string.Create(CultureInfo.InvariantCulture, $"{100.0 * cost.In(measure) / Before.In(measure):0.##}%");
        return new BudgetException($"{what} {Net.Name} from {measure.Describe(Before.In(measure))} to {Limit.Describe()}: it reaches "
            + $"{measure.Describe(least.In(measure))} to {measure.Describe(most.In(measure))} ({Share(least)} to {Share(most)}){gap}.");
    }
}
