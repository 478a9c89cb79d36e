using Espalier.Budget;
using Espalier.Models.Vit;

namespace Espalier.DcVit;

/// <summary>Which blocks DC-ViT may compress, and what is left of one (§1.1): LN2 and an MLP of fewer hidden units.</summary>
public static class DcVitBlocks
{
    /// <summary>Blocks 1..L−2 that still have attention and MLP: neither the first nor the last block is compressed.</summary>
    /// <exception cref="UsageException">There is none, or they differ in shape.</exception>
    /// <param name="net">The network.</param>
    /// <param name="profile">For the last candidate.</param>
    /// <param name="only">Leaves out all others, when the user chose some.</param>
    public static UniformBlocks Candidates(VitArchitecture net, DcVitProfile profile, IReadOnlyCollection<int>? only = null)
    {
        // A user's own choice may go beyond 1..L−2.
        var (first, last) = only is null ? (1, Math.Min(net.Depth - 2, profile.LastCandidate ?? int.MaxValue)) : (0, net.Depth - 1);
        if (only?.FirstOrDefault(i => i < 0 || i >= net.Depth, -1) is { } odd and not -1)
            throw new UsageException($"{net.Name} has no block {odd}: its blocks are 0 to {net.Depth - 1}.");
        return UniformBlocks.Find(net, first, last, only);
    }

    /// <summary>The compressed block: the attention is gone and <paramref name="hidden"/> hidden units are left.</summary>
    public static VitBlock Compress(VitBlock block, int hidden, DcVitProfile profile) =>
        block.Emptied() with { MlpHidden = hidden, GatedMlp = block.GatedMlp, NormEps = profile.CompressedNormEps ?? block.NormEps };
}
