using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.SearchSpaces;

/// <summary>
/// What a network of any sizes costs: a part for each submodule, by its size and the width it reads. The coefficients are read off the one counter,
/// so whole sizes, expected sizes and the guard agree with it.
/// </summary>
/// <param name="Parts">One per submodule, with the number of the width it reads; -1 reads none.</param>
public sealed record SearchCost(ImmutableArray<(int Width, Bilinear Cost)> Parts)
{
    /// <summary>By the counter, in one of its measures.</summary>
    public static SearchCost Of(SearchSpace space, CostMeasure measure) =>
        new([.. space.Submodules.Select((_, k) => (space.WidthFor(k), Bilinear.Of((width, size) => Part(space, k, width, size).In(measure))))]);

    // A width pays for what makes its tokens, patches or patch merging, and the last one for norm and head.
    private static Cost Part(SearchSpace space, int submodule, int width, int size)
    {
        var (net, (kind, block, _)) = (space.Net, space.Submodules[submodule]);
        if (kind == UnitKind.Hidden) return VitCost.Mlp(new VitBlock { MlpHidden = size }, width, net.TokensOf(block));
        if (kind == UnitKind.HeadChannels)
            return VitCost.Attention(new VitBlock { Heads = 1, QkDim = size, VDim = size, Window = net.Blocks[block].Window }, width, net.TokensOf(block));
        if (block > 0) net = net.WithWidth(space.Submodules[space.WidthFor(submodule)].Block, width);
        net = net.WithWidth(block, size);
        var made = block > 0 ? VitCost.Downsample(net, block) : VitCost.Embedding(net);
        return Math.Max(0, block) == net.Stages[^1] ? made + VitCost.Head(net) : made;
    }

    /// <summary>The whole network, from the sizes of all submodules.</summary>
    public double Total(IReadOnlyList<double> sizes) => Parts.Select((part, k) => part.Cost.At(part.Width < 0 ? 0 : sizes[part.Width], sizes[k])).Sum();

    /// <summary>The whole network of one candidate of each table.</summary>
    public double Total(IReadOnlyList<CandidateTable> tables, IReadOnlyList<int> candidates) =>
        Total([.. tables.Select((t, s) => (double)t.SizeOf(candidates[s]))]);

    /// <summary>Of expected sizes, scalars, for autograd.</summary>
    public Tensor Total(IReadOnlyList<Tensor> sizes)
    {
        var total = sizes[0] * Parts[0].Cost.PerUnit + Parts[0].Cost.Constant;
        for (var k = 1; k < Parts.Length; k++) total += Parts[k].Cost.At(sizes[Parts[k].Width], sizes[k]);
        return total;
    }
}
