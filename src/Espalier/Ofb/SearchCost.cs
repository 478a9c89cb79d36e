using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Ofb;

/// <summary>A cost that is bilinear in the embedding width E and a submodule's size S: c + e·E + s·S + x·E·S.</summary>
public readonly record struct Bilinear(double Constant, double PerEmbed, double PerUnit, double Product)
{
    /// <summary>The coefficients of a counter, from its values at four corners.</summary>
    public static Bilinear Of(Func<int, int, long> cost)
    {
        long c11 = cost(1, 1), c21 = cost(2, 1), c12 = cost(1, 2), product = cost(2, 2) - c21 - c12 + c11;
        var (perEmbed, perUnit) = (c21 - c11 - product, c12 - c11 - product);
        return new(c11 - perEmbed - perUnit - product, perEmbed, perUnit, product);
    }

    public double At(double embed, double size) => Constant + PerEmbed * embed + (PerUnit + Product * embed) * size;

    /// <summary>The same of expected sizes, for autograd.</summary>
    public Tensor At(Tensor embed, Tensor size) => embed * PerEmbed + (embed * Product + PerUnit) * size + Constant;
}

/// <summary>
/// What a network of any sizes costs: a part for the embedding, and one for each other submodule. The coefficients are read off the one counter,
/// so whole sizes, expected sizes and the guard agree with it.
/// </summary>
/// <param name="Base">Patches, tokens, final norm and head; its unit is not used.</param>
/// <param name="Parts">One per submodule after the embedding.</param>
public sealed record SearchCost(Bilinear Base, ImmutableArray<Bilinear> Parts)
{
    /// <summary>By the counter, in one of its measures.</summary>
    public static SearchCost Of(SearchSpace space, CostMeasure measure)
    {
        var net = space.Net;
        return new(
            Bilinear.Of((embed, _) => VitCost.Of(net with { EmbedDim = embed, Blocks = [] }).In(measure)),
            [.. space.Submodules.Skip(1).Select(s => Bilinear.Of((embed, size) => (s.Kind == VitWidth.Hidden
                ? VitCost.Mlp(new VitBlock { MlpHidden = size }, embed, net.Tokens)
                : VitCost.Attention(new VitBlock { Heads = 1, QkDim = size, VDim = size }, embed, net.Tokens)).In(measure)))]);
    }

    /// <summary>
    /// F of the published code: N patches without the class token, biases, one norm a block at the physical width, softmax at the physical heads.
    /// </summary>
    /// <param name="space">The network.</param>
    /// <param name="tables">Physical sizes.</param>
    public static SearchCost Official(SearchSpace space, IReadOnlyList<CandidateTable> tables)
    {
        var net = space.Net;
        long n = net.Patches, width = tables[0].Units;
        return new(
            new Bilinear(0, n * net.Channels * net.PatchSize * net.PatchSize + net.Classes, 0, 0),
            [.. space.Submodules.Select((s, k) => (s, k)).Skip(1).Select(p => p.s.Kind == VitWidth.Hidden
                ? new Bilinear(0, n, n, 2 * n)
                : new Bilinear(2 * width * n + 6 * tables[p.k].MostHeads * n * n, n, 3 * n + 2 * n * n, 4 * n))]);
    }

    /// <summary>The whole network, from the sizes of all submodules, the embedding first.</summary>
    public double Total(IReadOnlyList<double> sizes) => Base.At(sizes[0], 0) + Parts.Select((part, k) => part.At(sizes[0], sizes[k + 1])).Sum();

    /// <summary>The whole network of one candidate of each table.</summary>
    public double Total(IReadOnlyList<CandidateTable> tables, IReadOnlyList<int> candidates) =>
        Total([.. tables.Select((t, s) => (double)t.SizeOf(candidates[s]))]);

    /// <summary>Of expected sizes, scalars, for autograd.</summary>
    public Tensor Total(IReadOnlyList<Tensor> sizes)
    {
        var total = sizes[0] * Base.PerEmbed + Base.Constant;
        for (var k = 0; k < Parts.Length; k++) total += Parts[k].At(sizes[0], sizes[k + 1]);
        return total;
    }
}
