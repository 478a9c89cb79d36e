using System.Collections.Immutable;
using Espalier.Models;
using Espalier.Models.Vit;

namespace Espalier.Budget;

/// <summary>A block that a method may edit.</summary>
/// <param name="Index">Its index.</param>
/// <param name="Width">D.</param>
/// <param name="Hidden">Hidden units of its MLP.</param>
/// <param name="Attention">Cost of its attention branch, norm included.</param>
/// <param name="Mlp">Cost of its MLP branch, norm included.</param>
/// <param name="MlpUnit">Cost of one hidden unit.</param>
public sealed record UniformBlock(int Index, int Width, int Hidden, Cost Attention, Cost Mlp, Cost MlpUnit);

/// <summary>
/// Blocks that a method may edit, all of one shape, so that a plan depends on how many are edited and not on which. In a network in stages
/// (Swin) they are alike relative to their stage's width, and differ a little in cost: a plan then counts on the ones that save least.
/// </summary>
/// <param name="All">The blocks, ascending; at least one.</param>
public sealed record UniformBlocks(ImmutableArray<UniformBlock> All)
{
    public ImmutableArray<int> Indices => [.. All.Select(b => b.Index)];

    /// <summary>Hidden units of every block; of the first one where stages differ.</summary>
    public int Hidden => All[0].Hidden;

    /// <summary>Cost of one hidden unit; of the first block's where stages differ.</summary>
    public Cost MlpUnit => All[0].MlpUnit;

    /// <summary>The blocks whose attention costs least, the least first.</summary>
    public IEnumerable<UniformBlock> Cheapest(CostMeasure measure) => All.OrderBy(b => b.Attention.In(measure)).ThenBy(b => b.Index);

    /// <summary>
    /// Takes the blocks <paramref name="first"/>..<paramref name="last"/> that still have both attention and MLP; others were edited already.
    /// </summary>
    /// <param name="net">The network.</param>
    /// <param name="first">First block.</param>
    /// <param name="last">Last block.</param>
    /// <param name="only">Of those, only these; null means all.</param>
    /// <exception cref="UsageException">There is no such block, or two of them differ in shape.</exception>
    public static UniformBlocks Find(VitArchitecture net, int first, int last, IReadOnlyCollection<int>? only = null)
    {
        ImmutableArray<int> indices =
            [.. Enumerable.Range(0, net.Depth).Where(i => i >= first && i <= last && only?.Contains(i) != false && net.Blocks[i].Kind == BlockKind.Full)];
        if (indices.IsEmpty)
            throw new UsageException(only is null
                ? $"{net.Name} has no block from {first} to {last} with both attention and MLP; nothing is left to compress."
                : $"{net.Name}: none of the blocks {string.Join(", ", only)} has both attention and MLP.");
        ImmutableArray<UniformBlock> blocks = [.. indices.Select(i => Block(net, i))];
        foreach (var block in blocks)
            if (!IsAlike(net, blocks[0], block))
                throw new UsageException($"{net.Name}: blocks {indices[0]} and {block.Index} differ in width; this method needs "
                    + "blocks that are all alike, so give the model before it was pruned, or name some that are.");
        return new(blocks);
    }

    private static UniformBlock Block(VitArchitecture net, int index)
    {
        var (block, width, tokens) = (net.Blocks[index], net.WidthOf(index), net.TokensOf(index));
        var mlp = VitCost.Mlp(block, width, tokens);
        return new(index, width, block.MlpHidden, VitCost.Attention(block, width, tokens), mlp, VitCost.Mlp(block with { MlpHidden = block.MlpHidden + 1 }, width, tokens) - mlp);
    }

    private static bool IsAlike(VitArchitecture net, UniformBlock a, UniformBlock b)
    {
        if (a.Width == b.Width) return (a.Attention, a.Mlp) == (b.Attention, b.Mlp);
        return Shape(a) == Shape(b);

        (double Queries, double Values, double Hidden) Shape(UniformBlock of)
        {
            var (block, width) = (net.Blocks[of.Index], (double)of.Width);
            return (block.Heads * block.QkDim / width, block.Heads * block.VDim / width, block.MlpHidden / width);
        }
    }
}
