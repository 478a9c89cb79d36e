using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// Cuts one attention to given widths and repairs it: q/k dimensions by <see cref="QueryKeyCut"/>, heads by elimination, value dimensions in
/// the basis of <see cref="ValueBasis"/>, and the projection solved anew towards the teacher's residual stream.
/// </summary>
internal static class AttentionRepair
{
    /// <summary>The model with block <paramref name="index"/>'s attention at the widths of <paramref name="target"/>.</summary>
    /// <param name="model">The student; it stays as it is.</param>
    /// <param name="index">Block with attention, in model and target.</param>
    /// <param name="target">Widths, none above the block's own.</param>
    /// <param name="inputs">The student's tokens before the block.</param>
    /// <param name="wanted">The teacher's tokens that should come out: after the attention, or after the block when its MLP goes.</param>
    /// <param name="layer">How to solve.</param>
    internal static VitModel Run(VitModel model, int index, VitBlock target, TokenStream inputs, TokenStream wanted, LayerRepair layer)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var from = model.Architecture.Blocks[index];
        var attention = AttentionTensors.Of(model, index);
        if (target.QkDim < from.QkDim) attention = CutQueryKey(model, index, attention, target.QkDim, inputs, layer);
        var narrowed = attention.PutInto(model, index);
        var isCut = target.Heads < from.Heads || target.VDim < from.VDim;
        if (!isCut && !layer.Refits && target.QkDim == from.QkDim) return narrowed;

        using var _ = narrowed;
        using var sums = layer.Sums(from.Heads * from.VDim, inputs, wanted, x => narrowed.HeadOutputs(index, narrowed.AttentionInput(index, x)));
        var width = from.VDim;
        int[] heads = [.. Enumerable.Range(0, from.Heads)];
        if (target.Heads < from.Heads)
            heads = layer.Choose(sums, attention.Projection, [.. heads.Select(h => Dimensions(h, width))], target.Heads);
        int[] dims = [.. Enumerable.Range(0, width)];
        if (target.VDim < from.VDim)
        {
            (attention, var basis) = ValueBasis.Choose(attention, sums.Gram());
            sums.Rotate(basis);
            // One dimension of every head at a time, as all heads of a block are equally wide.
            dims = layer.Choose(sums, attention.Projection, [.. dims.Select(d => heads.Select(h => h * width + d).ToArray())], target.VDim);
        }
        int[] kept = [.. heads.SelectMany(h => dims.Select(d => h * width + d))];
        var projection = layer.Solve(sums, attention.Projection, kept, isCut || target.QkDim < from.QkDim);
        var cut = new AttentionTensors(
            [.. heads.Select(h => attention.Query[h])], [.. heads.Select(h => attention.Key[h])],
            [.. heads.Select(h => attention.Value[h].IndexSelect(0, dims))], projection);
        return cut.PutInto(narrowed, index);
    }

    private static AttentionTensors CutQueryKey(VitModel model, int index, AttentionTensors attention, int width, TokenStream inputs, LayerRepair layer)
    {
        var (queries, keys) = TokenMoments.Of(inputs, x => model.AttentionInput(index, x), layer.TokenWeights);
        return QueryKeyCut.Of(attention, queries, keys).Apply(attention, width);
    }

    private static int[] Dimensions(int head, int width) => [.. Enumerable.Range(head * width, width)];
}
