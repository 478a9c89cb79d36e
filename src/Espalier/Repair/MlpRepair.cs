using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// Keeps h hidden units of one MLP and solves fc2 and its bias anew, towards what the teacher's block gives: whatever the block lost, its
/// attention included, is absorbed as far as the kept units can express it.
/// </summary>
internal static class MlpRepair
{
    /// <summary>The model with block <paramref name="index"/>'s MLP at <paramref name="hidden"/> units.</summary>
    /// <param name="model">The student; it stays as it is.</param>
    /// <param name="index">Block with an MLP.</param>
    /// <param name="hidden">h, from 1 to as many as there are.</param>
    /// <param name="inputs">The student's tokens before the MLP.</param>
    /// <param name="wanted">The teacher's tokens after the block.</param>
    /// <param name="layer">How to choose and solve.</param>
    internal static VitModel Run(VitModel model, int index, int hidden, TokenStream inputs, TokenStream wanted, LayerRepair layer)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var all = model.Architecture.Blocks[index].MlpHidden;
        if (hidden == all && !layer.Refits) return model.Clone();
        var (weight, bias) = ($"blocks.{index}.mlp.fc2.weight", $"blocks.{index}.mlp.fc2.bias");
        using var sums = layer.Sums(all, inputs, wanted, x => model.MlpHidden(index, x));
        var prior = AttentionTensors.WithBias(model.Weights[weight], model.Weights[bias]);
        int[] kept = hidden == all
            ? [.. Enumerable.Range(0, all)]
            : layer.Choose(sums, prior, [.. Enumerable.Range(0, all).Select(j => new[] { j })], hidden);
        var solved = AttentionTensors.Split(layer.Solve(sums, prior, kept, hidden < all));
        var cut = hidden == all ? model.Clone() : model.KeepHidden(index, kept);
        cut.Weights[weight].CopyFrom(solved.Weight);
        cut.Weights[bias].CopyFrom(solved.Bias);
        return cut;
    }
}
