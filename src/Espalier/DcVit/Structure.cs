using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.DcVit.Cnn;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Formats;
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
public record Structure(ImmutableArray<int> Candidates, int Count, int? Hidden, Limit Limit, Cost Before, Cost After,
    ImmutableArray<string> Warnings)
{
    /// <summary>Everything that meets the limit, by ascending number of blocks.</summary>
    public required ImmutableArray<PlanOption> Options { get; init; }

    /// <summary>Index into <see cref="Options"/>.</summary>
    public required int ChosenIndex { get; init; }

    /// <summary>The blocks in the order of compression when that needs no ranking: as given, or by a <see cref="BlockChoice"/>; null else.</summary>
    public ImmutableArray<int>? Order { get; protected init; }

    /// <summary>The plan behind it; null when the edit has no width to choose.</summary>
    public DcVitPlan? Dense { get; private init; }

    /// <summary>Hidden units that stay in a candidate.</summary>
    public virtual int HiddenIn(int block) => Dense is { } plan ? plan.ChosenOption.Units[Candidates.IndexOf(block)] : Hidden ?? 0;

    /// <summary>The network with whole blocks edited, by their indices; null when the edit has a width to choose.</summary>
    private Func<IEnumerable<int>, VitArchitecture>? Edited { get; init; }

    /// <summary>The same once its blocks are known, see <see cref="DcVitPlan.For"/>: where stages differ, a plan counts on those that save least.</summary>
    public virtual Structure For(IReadOnlyCollection<int> blocks) => blocks.Count != Count ? this
        : Dense?.For(blocks) is { } plan ? this with { Dense = plan, After = plan.ChosenOption.Cost }
        : Edited is { } edited ? this with { After = VitCost.Of(edited(blocks)) } : this;

    /// <summary>What each candidate saves, where that counts in the ranking; else empty.</summary>
    private ImmutableArray<long> Saved { get; init; } = [];

    /// <summary>
    /// What a candidate's distance from the teacher counts in the ranking. DC-ViT's candidates save about the same; PRACTISE divides by what a block
    /// saves, here over what the one that saves least does: nothing changes where all are alike.
    /// </summary>
    public virtual double Weigh(int block, double metric) => Saved.IsEmpty ? metric : metric * ((double)Saved.Min() / Saved[Candidates.IndexOf(block)]);

    /// <summary>The blocks to compress, of all candidates by rank.</summary>
    public virtual ImmutableArray<int> Choose(ImmutableArray<int> ranked) => [.. ranked.Take(Count)];

    /// <summary>Plans for a network of any family that the method knows.</summary>
    /// <inheritdoc cref="Plan(VitArchitecture, Target, DcVitOptions, ulong)"/>
    public static Structure Plan(ModelSource source, Target target, DcVitOptions options, ulong seed = 0) => source.Architecture is CnnArchitecture net
        ? CnnStructure.Plan(net, target, options, seed) : Plan(source.Vit, target, options, seed);

    /// <summary>Plans for a network, a target and the method's switches.</summary>
    /// <param name="net">The network.</param>
    /// <param name="target">Fractions are of it, as given.</param>
    /// <param name="options">The switches.</param>
    /// <param name="seed">For <see cref="BlockChoice.Random"/>.</param>
    /// <exception cref="UsageException">A block that was named does not exist or cannot be edited.</exception>
    /// <exception cref="BudgetException">The target cannot be met; the message gives the reachable range.</exception>
    public static Structure Plan(VitArchitecture net, Target target, DcVitOptions options, ulong seed = 0)
    {
        if (options.Order is { } listed && listed.Distinct().Count() != listed.Length)
            throw new UsageException($"--order {string.Join(",", listed)} names a block twice.");
        var candidates = CandidateChoice(net, options);
        var k = options.K ?? options.Order?.Length;
        var variant = options.VariantFor(net);
        if (variant == BlockVariant.Compress)
        {
            var plan = DcVitPlan.Create(net, target, options.Profile, k, candidates);
            var chosen = plan.ChosenOption;
            return Checked(new(plan.Candidates.Indices, chosen.Blocks, chosen.Hidden, plan.Limit, plan.Before, chosen.Cost, [.. plan.Warnings])
            {
                Dense = plan,
                Options = [.. plan.Options.Select(o => new PlanOption(o.Cost) { Blocks = o.Blocks, MlpRatio = o.MlpRatio, Hidden = o.Hidden })],
                ChosenIndex = plan.Chosen,
            }, options, seed);
        }
        var whole = VariantPlan.Create(net, target, variant, options.Profile, k, candidates);
        int? hidden = variant != BlockVariant.RemoveAttention ? 0
            : whole.Candidates.All.Select(b => b.Hidden).Distinct().Count() == 1 ? whole.Candidates.Hidden : null;
        return Checked(new(whole.Candidates.Indices, whole.ChosenOption.Blocks!.Value, hidden, whole.Limit, whole.Before, whole.ChosenOption.Cost, [])
        {
            Options = whole.Options,
            ChosenIndex = whole.Chosen,
            Saved = options.Recovery is null ? [] : [.. whole.Candidates.Indices.Select(b => (whole.Before
                - VitCost.Of(BlockVariants.Apply(net, [b], variant, hidden: 0, options.Profile))).In(whole.Limit.Measure))],
            Edited = blocks => BlockVariants.Apply(net, blocks, variant, hidden: 0, options.Profile),
        }, options, seed);
    }

    private static Structure Checked(Structure structure, DcVitOptions options, ulong seed)
    {
        if (options.Order is not { } order) return structure with { Order = structure.Chosen(options.Choice, seed) };
        if (order.Length != structure.Count)
            throw new UsageException($"--order names {order.Length} blocks but --k asks for {structure.Count}.");
        return structure with { Order = order };
    }

    /// <summary>The blocks a <see cref="BlockChoice"/> takes without ranking; null when it ranks.</summary>
    protected ImmutableArray<int>? Chosen(BlockChoice choice, ulong seed) => choice switch
    {
        BlockChoice.First => Choose(Candidates),
        BlockChoice.Last => Choose([.. Candidates.Reverse()]),
        BlockChoice.Random => Choose([.. new SeededRandom(seed, "block choice").Permutation(Candidates.Length).Select(i => Candidates[i])]),
        _ => null,
    };

    /// <summary>The network with the first candidates edited: before blocks are ranked, as good an example as any other.</summary>
    public Architecture Example(Architecture net, DcVitOptions options)
    {
        var blocks = Choose(Candidates);
        return For(blocks).Apply(net, blocks, options);
    }

    /// <summary>The network with these blocks edited; what stays of each is this structure's.</summary>
    public virtual Architecture Apply(Architecture net, IEnumerable<int> blocks, DcVitOptions options) => blocks.Aggregate((VitArchitecture)net,
        (cut, b) => BlockVariants.Apply(cut, [b], options.VariantFor(net), HiddenIn(b), options.Profile));

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
