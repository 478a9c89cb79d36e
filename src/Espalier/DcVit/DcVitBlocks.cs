using Espalier.Budget;
using Espalier.Models.Vit;

namespace Espalier.DcVit;

/// <summary>Which blocks DC-ViT may compress, and what is left of one (§1.1): LN2 and an MLP of fewer hidden units.</summary>
public static class DcVitBlocks
{
    /// <summary>Blocks 1..L−2 that still have attention and MLP: neither the first nor the last block is compressed.</summary>
    /// <exception cref="UsageException">There is none, or they differ in cost.</exception>
    public static UniformBlocks Candidates(VitArchitecture net, DcVitProfile profile) =>
        UniformBlocks.Find(net, 1, Math.Min(net.Depth - 2, profile.LastCandidate ?? int.MaxValue));

    /// <summary>The compressed block: the attention is gone and <paramref name="hidden"/> hidden units are left.</summary>
    public static VitBlock Compress(VitBlock block, int hidden, DcVitProfile profile) =>
        new() { MlpHidden = hidden, NormEps = profile.CompressedNormEps ?? block.NormEps };

    /// <summary>The network with <paramref name="blocks"/> compressed.</summary>
    public static VitArchitecture Compress(VitArchitecture net, IEnumerable<int> blocks, int hidden, DcVitProfile profile) =>
        net with { Blocks = blocks.Aggregate(net.Blocks, (all, i) => all.SetItem(i, Compress(all[i], hidden, profile))) };
}
