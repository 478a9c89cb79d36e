using System.Collections.Immutable;
using System.Globalization;
using Espalier.Budget;
using Espalier.Models.Vit;

namespace Espalier.DcVit;

/// <summary>Dropping j whole blocks.</summary>
/// <param name="Blocks">j.</param>
/// <param name="Cost">Cost of the whole network.</param>
public sealed record DropBlocksOption(int Blocks, Cost Cost);

/// <summary>The baseline that dense compression is measured against: whole blocks are dropped until the target is met (PRACTISE).</summary>
public sealed record DropBlocksPlan
{
    public required VitArchitecture Architecture { get; init; }

    public required Limit Limit { get; init; }

    /// <summary>What the given network costs.</summary>
    public required Cost Before { get; init; }

    public required UniformBlocks Candidates { get; init; }

    /// <summary>Every number of blocks that meets the limit, ascending; the first is chosen.</summary>
    public required ImmutableArray<DropBlocksOption> Options { get; init; }

    /// <summary>The smallest number of blocks that meets the target.</summary>
    public DropBlocksOption ChosenOption => Options[0];

    /// <summary>Finds the numbers of blocks, out of 1..L−2, that meet the target.</summary>
    /// <exception cref="UsageException">No block can be dropped, or blocks differ in cost.</exception>
    /// <exception cref="BudgetException">The target is met already, or not even without all candidates.</exception>
    public static DropBlocksPlan Create(VitArchitecture net, Target target)
    {
        var before = VitCost.Of(net);
        var limit = target.Resolve(before);
        var candidates = UniformBlocks.Find(net, 1, net.Depth - 2);
        ImmutableArray<DropBlocksOption> all = [.. Enumerable.Range(1, candidates.Indices.Length)
            .Select(j => new DropBlocksOption(j, VitCost.Of(Drop(net, candidates.Indices.Take(j)))))];
        ImmutableArray<DropBlocksOption> options = [.. all.Where(o => limit.Met(o.Cost))];
        if (options.IsEmpty || limit.Met(before))
        {
            var (least, most) = (all[^1].Cost.In(limit.Measure), all[0].Cost.In(limit.Measure));
            throw new BudgetException(string.Create(CultureInfo.InvariantCulture,
                $"Dropping whole blocks cannot bring {net.Name} from {limit.Measure.Describe(before.In(limit.Measure))} "
                    + $"to {limit.Describe()}: it reaches {limit.Measure.Describe(least)} to {limit.Measure.Describe(most)}."));
        }
        return new() { Architecture = net, Limit = limit, Before = before, Candidates = candidates, Options = options };
    }

    /// <summary>The network without <paramref name="blocks"/>; a dropped block keeps its place and its index.</summary>
    public VitArchitecture Apply(IEnumerable<int> blocks) => Drop(Architecture, blocks);

    private static VitArchitecture Drop(VitArchitecture net, IEnumerable<int> blocks) =>
        net with { Blocks = blocks.Aggregate(net.Blocks, (all, i) => all.SetItem(i, new VitBlock())) };
}
