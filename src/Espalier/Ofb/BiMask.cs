using Espalier.SearchSpaces;
using Espalier.Torch;

namespace Espalier.Ofb;

/// <summary>The bi-mask m = λ·S + (1 − λ)·V of one submodule. Everything is differentiable; ranks are constants.</summary>
public static class BiMask
{
    /// <summary>p: softmax of the logits over the live candidates, 0 for the dead; shape of <paramref name="alpha"/> [rows, columns].</summary>
    public static Tensor Probabilities(Tensor alpha, CandidateTable table)
    {
        double[] dead = [.. table.Live.Select(live => live ? 0 : double.NegativeInfinity)];
        return (alpha.Reshape(-1) + Constant(dead, alpha)).Softmax(0).Reshape(table.Heads.Length, table.Dims.Length);
    }

    /// <summary>V: the probability that a unit is kept, by its place in the ranking; one number per unit.</summary>
    /// <param name="p">[head counts, dims].</param>
    /// <param name="table">Candidates.</param>
    /// <param name="ranking">Of the units.</param>
    public static Tensor Sparsity(Tensor p, CandidateTable table, UnitRanking ranking)
    {
        var heads = Prefix(table.Heads, p).Transpose(0, 1);
        return heads.MatMul(p).MatMul(Prefix(table.Dims, p)).Reshape(-1).IndexSelect(0, Tensor.From(ranking.Places).To(p.Device));
    }

    /// <summary>λ·sigmoid(s) + (1 − λ)·V.</summary>
    public static Tensor Mask(Tensor score, Tensor sparsity, double lambda) => score.Sigmoid() * lambda + sparsity * (1 - lambda);

    /// <summary>Expected number of kept units: Σ p·n, which is also ΣV.</summary>
    public static Tensor ExpectedSize(Tensor p, CandidateTable table) =>
        (p.Reshape(-1) * Constant([.. Enumerable.Range(0, table.Count).Select(c => (double)table.SizeOf(c))], p)).Sum();

    // Row c has ones in its first sizes[c] columns: [candidates, largest size].
    private static Tensor Prefix(IReadOnlyList<int> sizes, Tensor like)
    {
        var width = sizes[^1];
        var ones = new double[sizes.Count * width];
        for (var c = 0; c < sizes.Count; c++) Array.Fill(ones, 1, c * width, sizes[c]);
        return Constant(ones, like).Reshape(sizes.Count, width);
    }

    private static Tensor Constant(double[] values, Tensor like) => Tensor.From(values).To(like.DType).To(like.Device);
}
