using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// Keeps h hidden units of one MLP and solves fc2 and its bias anew, towards what the teacher's block gives: whatever the block lost, its
/// attention included, is absorbed as far as the kept units can express it. Sums are taken once and serve every h.
/// </summary>
internal sealed class MlpRepair : IDisposable
{
    private readonly VitModel _model;
    private readonly int _index;
    private readonly LayerRepair _layer;
    private readonly Lazy<GramSums> _sums;

    /// <param name="model">The student; it stays as it is.</param>
    /// <param name="index">Block with an MLP.</param>
    /// <param name="inputs">The student's tokens before the MLP.</param>
    /// <param name="wanted">The teacher's tokens after the block.</param>
    /// <param name="layer">How to choose and solve.</param>
    internal MlpRepair(VitModel model, int index, TokenStream inputs, TokenStream wanted, LayerRepair layer)
    {
        (_model, _index, _layer) = (model, index, layer);
        _sums = new(() => layer.Sums(Hidden, inputs, wanted, x => model.MlpHidden(index, x)));
    }

    private int Hidden => _model.Architecture.Blocks[_index].MlpHidden;

    /// <summary>The model with this MLP at <paramref name="hidden"/> units, from 1 to as many as there are.</summary>
    internal VitModel Cut(int hidden)
    {
        if (hidden == Hidden && !_layer.Refits) return _model.Clone();
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var (weight, bias) = ($"blocks.{_index}.mlp.fc2.weight", $"blocks.{_index}.mlp.fc2.bias");
        var prior = AttentionTensors.WithBias(_model.Weights[weight], _model.Weights[bias]);
        int[] units = [.. Enumerable.Range(0, Hidden)];
        var kept = hidden == Hidden ? units : _layer.Choose("units", _sums.Value, prior, [.. units.Select(j => new[] { j })], hidden);
        var solved = AttentionTensors.Split(_layer.Solve(_sums.Value, prior, kept, hidden < Hidden));
        var cut = hidden == Hidden ? _model.Clone() : _model.KeepHidden(_index, kept);
        cut.Weights[weight].CopyFrom(solved.Weight);
        cut.Weights[bias].CopyFrom(solved.Bias);
        return cut;
    }

    public void Dispose()
    {
        if (_sums.IsValueCreated) _sums.Value.Dispose();
    }
}
