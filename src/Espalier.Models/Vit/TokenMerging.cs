using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <summary>
/// Bipartite soft matching (ToMe, "Token Merging: Your ViT But Faster", §3): every second patch token looks for the one among the others
/// whose key is most like its own, and those that found the likest are merged into it. Class token and other prefix tokens stay apart.
/// </summary>
public static class TokenMerging
{
    /// <summary>The most tokens a block can merge that <paramref name="tokens"/> enter, <paramref name="prefix"/> of them no patches: half of the patches.</summary>
    public static int Most(int tokens, int prefix) => (tokens - prefix) / 2;

    /// <summary>Merges tokens; each result is the mean of all original tokens it stands for.</summary>
    /// <param name="x">Tokens [B, n, D], prefix tokens first.</param>
    /// <param name="sizes">How many original tokens each stands for, [B, n, 1]; null: one each.</param>
    /// <param name="keys">Keys of the attention before, [B, heads, qk_dim, n].</param>
    /// <param name="prefix">Tokens that are no patches.</param>
    /// <param name="count">How many go, in [1, <see cref="Most"/>].</param>
    /// <returns>Tokens and sizes, [B, n - count, …]: prefix tokens, sources that stayed, targets; each group in its old order.</returns>
    /// <exception cref="ArgumentException">There are not enough tokens.</exception>
    public static (Tensor Tokens, Tensor Sizes) Merge(Tensor x, Tensor? sizes, Tensor keys, int prefix, int count)
    {
        var (b, n, d) = (x.Size(0), x.Size(1), x.Size(2));
        if (count < 1 || count > Most((int)n, prefix)) throw new ArgumentException($"{n} tokens cannot merge {count} of them; at most {Most((int)n, prefix)}.");
        var (going, staying, targets) = Match(keys, prefix, count);
        sizes ??= Tensor.Ones([b, n, 1], device: x.Device);
        // Sums travel with their counts as one more channel, so that one gather and one scatter serve both.
        var sums = Tensor.Cat([x * sizes, sizes], -1);
        var patches = sums.Narrow(1, prefix, n - prefix);
        var sources = patches.EverySlice(1, 0, 2);
        var merged = patches.EverySlice(1, 1, 2).ScatterAdd(1, Wide(targets), sources.Gather(1, Wide(going)));
        sums = Tensor.Cat([sums.Narrow(1, 0, prefix), sources.Gather(1, Wide(staying)), merged], 1);
        sizes = sums.Narrow(2, d, 1);
        return (sums.Narrow(2, 0, d) / sizes, sizes);

        Tensor Wide(Tensor indices) => indices.Reshape(b, -1, 1).Expand(b, indices.Size(1), d + 1);
    }

    // Indices [B, …]: sources that go, sources that stay (ascending), and the target of each that goes. Matching decides, it is not learned.
    private static (Tensor Going, Tensor Staying, Tensor Targets) Match(Tensor keys, int prefix, int count)
    {
        using var noGrad = new NoGrad();
        using var fp32 = new Autocast(false, keys.Device); // in bf16 too many similarities tie
        var metric = keys.To(DType.Float32).Mean([1]).Transpose(1, 2);
        metric /= (metric * metric).Sum([-1], keepDim: true).Sqrt();
        var patches = metric.Narrow(1, prefix, metric.Size(1) - prefix);
        var (best, target) = patches.EverySlice(1, 0, 2).MatMul(patches.EverySlice(1, 1, 2).Transpose(1, 2)).MaxAlong(-1);
        var (_, order) = best.Sort(-1, descending: true);
        var going = order.Narrow(1, 0, count);
        var (staying, _) = order.Narrow(1, count, order.Size(1) - count).Sort(-1);
        return (going, staying, target.Gather(1, going));
    }
}
