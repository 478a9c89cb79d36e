using Espalier.Models.Vit;

namespace Espalier.DcVit;

/// <summary>What each <see cref="BlockVariant"/> leaves of a block, as widths; <see cref="BlockCompression"/> cuts the tensors alike.</summary>
public static class BlockVariants
{
    /// <summary>The block after the edit.</summary>
    /// <param name="block">The block before.</param>
    /// <param name="variant">The edit.</param>
    /// <param name="hidden">Hidden units that stay; only <see cref="BlockVariant.Compress"/> reads it.</param>
    /// <param name="profile">For the LayerNorm epsilon of a compressed block.</param>
    public static VitBlock Shape(VitBlock block, BlockVariant variant, int hidden, DcVitProfile profile) => variant switch
    {
        BlockVariant.Compress => DcVitBlocks.Compress(block, hidden, profile),
        BlockVariant.RemoveAttention => DcVitBlocks.Compress(block, block.MlpHidden, profile),
        BlockVariant.RemoveMlp => block with { MlpHidden = 0 },
        BlockVariant.Identity => block.Emptied() with { IsLinear = true },
        _ => block.Emptied(),
    };

    /// <summary>The network with these blocks edited.</summary>
    public static VitArchitecture Apply(VitArchitecture net, IEnumerable<int> blocks, BlockVariant variant, int hidden, DcVitProfile profile) =>
        net with { Blocks = blocks.Aggregate(net.Blocks, (all, i) => all.SetItem(i, Shape(all[i], variant, hidden, profile))) };
}
