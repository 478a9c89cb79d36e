using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// The basis in which value dimensions of a head can be dropped one by one. A head's output may be turned freely, z → T·z, when the projection is
/// turned back; T is chosen so that the dimensions are uncorrelated, of variance one, and sorted by what they add to the block's output: the
/// SVD of W_o·C^½.
/// </summary>
public static class ValueBasis
{
    // Of the second moment: where a dimension hardly varies, its variance is the rounding of two sums, which may be below zero.
    private const double Floor = 1e-8;
    // Heads that give nothing at all have no second moment either.
    private const double LeastMoment = 1e-30;

    /// <summary>The attention in the new basis, and the change of basis [heads·v, heads·v] for the sums of its projection's inputs.</summary>
    /// <param name="attention">The attention; its function stays the same.</param>
    /// <param name="gram">[heads·v + 1, heads·v + 1] of the projection's inputs, the constant last.</param>
    internal static (AttentionTensors Attention, Tensor Basis) Choose(AttentionTensors attention, Tensor gram)
    {
        using var scope = new TensorScope();
        long width = attention.Value[0].Size(0), all = gram.Size(0) - 1;
        var mean = gram.Narrow(0, all, 1).Narrow(1, 0, all) / gram.Narrow(0, all, 1).Narrow(1, all, 1);
        var moment = gram.Narrow(0, 0, all).Narrow(1, 0, all) / gram.Narrow(0, all, 1).Narrow(1, all, 1);
        var covariance = moment - mean.Transpose(0, 1).MatMul(mean);
        var basis = Tensor.Zeros([all, all], DType.Float64, gram.Device);
        var values = new Tensor[attention.Value.Length];
        var projections = new Tensor[values.Length + 1];
        for (var h = 0; h < values.Length; h++)
        {
            var start = h * width;
            var (turn, back) = Turn(attention.Projection.Narrow(1, start, width), covariance.Narrow(0, start, width).Narrow(1, start, width),
                Floor * moment.Diagonal().Narrow(0, start, width).Mean().Item() + LeastMoment);
            values[h] = scope.Keep(turn.MatMul(attention.Value[h]));
            projections[h] = attention.Projection.Narrow(1, start, width).MatMul(back);
            basis.Narrow(0, start, width).Narrow(1, start, width).CopyFrom(turn);
        }
        projections[^1] = attention.Projection.Narrow(1, all, 1);
        return (attention with { Value = values, Projection = scope.Keep(Tensor.Cat(projections, 1)) }, scope.Keep(basis));
    }

    private static (Tensor Turn, Tensor Back) Turn(Tensor projection, Tensor covariance, double floor)
    {
        var (values, vectors) = covariance.SymmetricEigen();
        var roots = (values.Clamp(0, double.MaxValue) + floor).Sqrt();
        var (_, _, vt) = projection.MatMul((vectors * roots).MatMul(vectors.Transpose(0, 1))).Svd();
        var turn = vt.MatMul((vectors * roots.Reciprocal()).MatMul(vectors.Transpose(0, 1)));
        return (turn, (vectors * roots).MatMul(vectors.Transpose(0, 1)).MatMul(vt.Transpose(0, 1)));
    }
}
