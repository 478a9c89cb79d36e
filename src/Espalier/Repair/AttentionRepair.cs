using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// Cuts one attention to given widths and repairs it: q/k dimensions by <see cref="QueryKeyCut"/>, heads by elimination, value dimensions in
/// the basis of <see cref="ValueBasis"/>, and the projection solved anew towards the teacher's residual stream.
/// </summary>
internal sealed class AttentionRepair : IDisposable
{
    private readonly VitModel _model;
    private readonly int _index;
    private readonly LayerRepair _layer;
    private readonly VitBlock _from;
    private readonly Lazy<QueryKeyCut> _factors;
    private readonly Func<VitModel, GramSums> _newSums;
    private readonly Dictionary<(int QkDim, bool Sorted), (VitModel Narrowed, GramSums Sums)> _narrowed = [];

    /// <param name="model">The student; it stays as it is.</param>
    /// <param name="index">Block with attention.</param>
    /// <param name="inputs">The student's tokens before the block.</param>
    /// <param name="wanted">The teacher's tokens that should come out: after the attention, or after the block when its MLP goes.</param>
    /// <param name="layer">How to choose and solve.</param>
    internal AttentionRepair(VitModel model, int index, TokenStream inputs, TokenStream wanted, LayerRepair layer)
    {
        (_model, _index, _layer, _from) = (model, index, layer, model.Architecture.Blocks[index]);
        _factors = new(() =>
        {
            using var scope = new TensorScope();
            var (queries, keys) = TokenMoments.Of(inputs, x => model.AttentionInput(index, x), layer.Metric.Tokens, layer.Calibration.Group, x => WindowLayout.Of(_from, x.Size(1))?.Split(x) ?? x);
            return QueryKeyCut.Of(AttentionTensors.Of(model, index), queries, keys);
        });
        _newSums = narrowed => layer.Sums(_from.Heads * _from.VDim, inputs, wanted, x => narrowed.HeadOutputs(index, narrowed.AttentionInput(index, x)));
    }

    /// <summary>The model with this attention at the widths of <paramref name="target"/>, none above the block's own.</summary>
    internal VitModel Cut(VitBlock target)
    {
        using var noGrad = new NoGrad();
        var isNarrower = target.QkDim < _from.QkDim;
        var isCut = target.Heads < _from.Heads || target.VDim < _from.VDim;
        if (!isCut && !isNarrower && !_layer.Refits) return _model.Clone();
        var (narrowed, sums) = target.VDim < _from.VDim ? Sorted(target.QkDim) : Narrowed(target.QkDim);
        using var scope = new TensorScope();
        var attention = AttentionTensors.Of(narrowed, _index);
        var width = _from.VDim;
        int[] heads = [.. Enumerable.Range(0, _from.Heads)];
        if (target.Heads < _from.Heads)
            heads = _layer.Choose($"heads at {target.QkDim}, sorted {target.VDim < width}", sums, attention.Projection, [.. heads.Select(h => Dimensions(h, width))], target.Heads);
        int[] dims = [.. Enumerable.Range(0, width)];
        // One dimension of every head at a time, as all heads of a block are equally wide.
        if (target.VDim < _from.VDim)
            dims = _layer.Choose($"values at {target.QkDim} of {heads.Length}", sums, attention.Projection,
                [.. dims.Select(d => heads.Select(h => h * width + d).ToArray())], target.VDim,
                [.. Enumerable.Range(0, _from.Heads).Except(heads).SelectMany(h => Dimensions(h, width))]);
        int[] kept = [.. heads.SelectMany(h => dims.Select(d => h * width + d))];
        var projection = _layer.Solve(sums, attention.Projection, kept, isCut || isNarrower);
        var cut = new AttentionTensors(
            [.. heads.Select(h => attention.Query[h])], [.. heads.Select(h => attention.Key[h])],
            [.. heads.Select(h => attention.Value[h].IndexSelect(0, dims))], projection, attention.Biases?.IndexSelect(1, heads));
        return cut.PutInto(narrowed, _index);
    }

    public void Dispose()
    {
        foreach (var (narrowed, sums) in _narrowed.Values)
        {
            narrowed.Dispose();
            sums.Dispose();
        }
        if (_factors.IsValueCreated) _factors.Value.Dispose();
    }

    // With the q/k dimensions cut; the sums are those of that network.
    private (VitModel Model, GramSums Sums) Narrowed(int width)
    {
        if (_narrowed.TryGetValue((width, false), out var known)) return known;
        using var scope = new TensorScope();
        var attention = AttentionTensors.Of(_model, _index);
        if (width < _from.QkDim) attention = _factors.Value.Apply(attention, width);
        var narrowed = attention.PutInto(_model, _index);
        try
        {
            return _narrowed[(width, false)] = (narrowed, _newSums(narrowed));
        }
        catch
        {
            narrowed.Dispose();
            throw;
        }
    }

    // The same, with the values in the basis they are cut in.
    private (VitModel Model, GramSums Sums) Sorted(int width)
    {
        if (_narrowed.TryGetValue((width, true), out var known)) return known;
        var (narrowed, sums) = Narrowed(width);
        using var scope = new TensorScope();
        var (attention, basis) = ValueBasis.Choose(AttentionTensors.Of(narrowed, _index), sums.Gram());
        return _narrowed[(width, true)] = (attention.PutInto(narrowed, _index), sums.Rotated(basis));
    }

    private static int[] Dimensions(int head, int width) => [.. Enumerable.Range(head * width, width)];
}
