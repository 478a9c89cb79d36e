using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// Narrows queries and keys of an attention. A head's logits are x̃ᵢᵀ·A·x̃ⱼ with A = W_qᵀ·W_k (biases included); the best map of rank r under the
/// tokens' own distribution is the truncated SVD of C_q^½·A·C_k^½. Keys are centred within each image, because softmax ignores what all keys of
/// a query share, and so the truncation need not spend rank on it.
/// </summary>
public sealed class QueryKeyCut : IDisposable
{
    private const double Ridge = 1e-6;
    // Keys that are all alike have no second moment within their image.
    private const double LeastMoment = 1e-30;
    private readonly Tensor[] _query;
    private readonly Tensor[] _key;

    private QueryKeyCut(Tensor[] query, Tensor[] key, double[] losses) => (_query, _key, Losses) = (query, key, losses);

    /// <summary>Sum over heads of the squared logit error when r dimensions are left, for r = 0 … qk_dim: descending to 0.</summary>
    public double[] Losses { get; }

    /// <summary>Factorises every head.</summary>
    /// <param name="attention">The attention before the cut.</param>
    /// <param name="queries">C_q [D+1, D+1], second moment of the normalised tokens with a constant appended.</param>
    /// <param name="keys">C_k [D+1, D+1], the same of tokens centred within their image.</param>
    internal static QueryKeyCut Of(AttentionTensors attention, Tensor queries, Tensor keys)
    {
        using var scope = new TensorScope();
        var (rootQ, inverseQ) = Root(queries);
        var (rootK, inverseK) = Root(keys);
        var width = (int)attention.Query[0].Size(0);
        var losses = new double[width + 1];
        Tensor[] query = new Tensor[attention.Query.Length], key = new Tensor[query.Length];
        for (var h = 0; h < query.Length; h++)
        {
            // C_q^½·W_qᵀ·W_k·C_k^½ has rank qk_dim at most: two thin factors, and what stands between them, are all that need be decomposed.
            var (left, leftValues, leftTurn) = rootQ.MatMul(attention.Query[h].Transpose(0, 1)).Svd();
            var (rightTurn, rightValues, right) = attention.Key[h].MatMul(rootK).Svd();
            var (u, s, vt) = (leftTurn * leftValues.Reshape(-1, 1)).MatMul(rightTurn * rightValues).Svd();
            var split = s.Sqrt().Reshape(-1, 1);
            query[h] = TensorScope.Release((left.MatMul(u).Transpose(0, 1) * split).MatMul(inverseQ));
            key[h] = TensorScope.Release((vt.MatMul(right) * split).MatMul(inverseK));
            var values = s.ToArray<double>();
            for (var (r, tail) = (width - 1, 0.0); r >= 0; r--) losses[r] += tail += values[r] * values[r];
        }
        return new QueryKeyCut(query, key, losses);
    }

    /// <summary>The attention with r dimensions per head.</summary>
    internal AttentionTensors Apply(AttentionTensors attention, int width) => attention with
    {
        Query = Array.ConvertAll(_query, q => q.Narrow(0, 0, width)),
        Key = Array.ConvertAll(_key, k => k.Narrow(0, 0, width)),
    };

    public void Dispose()
    {
        foreach (var tensor in _query.Concat(_key)) tensor.Dispose();
    }

    // Square root and its inverse; the little ridge keeps directions that never occur from being divided by zero.
    private static (Tensor Root, Tensor Inverse) Root(Tensor moment)
    {
        using var scope = new TensorScope();
        var floor = moment.Diagonal().Mean().Item() * Ridge + LeastMoment;
        var (values, vectors) = moment.SymmetricEigen();
        var roots = (values.Clamp(0, double.MaxValue) + floor).Sqrt();
        return (scope.Keep((vectors * roots).MatMul(vectors.Transpose(0, 1))),
            scope.Keep((vectors * roots.Reciprocal()).MatMul(vectors.Transpose(0, 1))));
    }
}
