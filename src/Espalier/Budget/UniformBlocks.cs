using Espalier.Models;
using System.Collections.Immutable;
using Espalier.Models.Vit;

namespace Espalier.Budget;

/// <summary>
/// Blocks that a method may edit, all of one cost, so that a plan depends on how many are edited and not on which.
/// </summary>
/// <param name="Indices">The blocks, ascending; at least one.</param>
/// <param name="Attention">Cost of one block's attention branch, its norm included.</param>
/// <param name="Mlp">Cost of one block's MLP branch, its norm included.</param>
/// <param name="MlpUnit">Cost of one hidden unit.</param>
/// <param name="Hidden">Hidden units of every block.</param>
public sealed record UniformBlocks(ImmutableArray<int> Indices, Cost Attention, Cost Mlp, Cost MlpUnit, int Hidden)
{
    /// <summary>
    /// Takes the blocks <paramref name="first"/>..<paramref name="last"/> that still have both attention and MLP; others were edited already.
    /// </summary>
    /// <param name="net">The network.</param>
    /// <param name="first">First block.</param>
    /// <param name="last">Last block.</param>
    /// <param name="only">Of those, only these; null means all.</param>
    /// <exception cref="UsageException">There is no such block, or two of them differ in cost.</exception>
    public static UniformBlocks Find(VitArchitecture net, int first, int last, IReadOnlyCollection<int>? only = null)
    {
        ImmutableArray<int> indices =
            [.. Enumerable.Range(0, net.Depth).Where(i => i >= first && i <= last && only?.Contains(i) != false && net.Blocks[i].Kind == BlockKind.Full)];
        if (indices.IsEmpty)
            throw new UsageException(only is null
                ? $"{net.Name} has no block from {first} to {last} with both attention and MLP; nothing is left to compress."
                : $"{net.Name}: none of the blocks {string.Join(", ", only)} has both attention and MLP.");
        var block = net.Blocks[indices[0]];
        var (attention, mlp) = Branches(block);
        foreach (var i in indices)
            if (Branches(net.Blocks[i]) != (attention, mlp))
                throw new UsageException($"{net.Name}: blocks {indices[0]} and {i} differ in width; this method needs "
                    + "blocks that are all alike, so give the model before it was pruned, or name some that are.");
        return new(indices, attention, mlp, Branches(block with { MlpHidden = block.MlpHidden + 1 }).Mlp - mlp, block.MlpHidden);

        (Cost Attention, Cost Mlp) Branches(VitBlock b) =>
            (VitCost.Attention(b, net.EmbedDim, net.Tokens), VitCost.Mlp(b, net.EmbedDim, net.Tokens));
    }
}
