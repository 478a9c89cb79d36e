using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// The linear maps of one attention in float64, biases as a last column: per head q, k [qk_dim, D+1] and v [v_dim, D+1], and the projection
/// [D, heads·v_dim + 1]. Cuts are changes of these. With windows also the biases by relative position, [.., heads], as they are.
/// </summary>
internal sealed record AttentionTensors(Tensor[] Query, Tensor[] Key, Tensor[] Value, Tensor Projection, Tensor? Biases = null)
{
    internal static AttentionTensors Of(VitModel model, int index)
    {
        var (block, w, p) = (model.Architecture.Blocks[index], model.Weights, $"blocks.{index}.attn.");
        var weight = w[p + "qkv.weight"];
        // A bias that is not there is 0; what is put back has one.
        var rows = WithBias(weight, block.QkvBias ? w[p + "qkv.bias"] : Tensor.Zeros([weight.Size(0)], device: weight.Device));
        long heads = block.Heads;
        var parts = rows.Split([heads * block.QkDim, heads * block.QkDim, heads * block.VDim], 0);
        return new AttentionTensors(Heads(parts[0], block.QkDim), Heads(parts[1], block.QkDim), Heads(parts[2], block.VDim),
            WithBias(w[p + "proj.weight"], w[p + "proj.bias"]), block.HasWindows ? w[p + "relative_position_bias_table"] : null);
    }

    /// <summary>The layer's weight and bias side by side, float64: [out, in + 1].</summary>
    internal static Tensor WithBias(Tensor weight, Tensor bias) =>
        Tensor.Cat([weight.To(DType.Float64), bias.To(DType.Float64).Reshape(-1, 1)], 1);

    /// <summary>The model with this attention instead of its own in a block; the scale of the logits stays what it was.</summary>
    internal VitModel PutInto(VitModel model, int index)
    {
        var rows = Tensor.Cat([.. Query, .. Key, .. Value], 0);
        return model.ReplaceAttention(index, Query.Length, (int)Query[0].Size(0), (int)Value[0].Size(0),
            Split(rows), Split(Projection), Biases);
    }

    /// <summary>The inverse of <see cref="WithBias"/>, in fp32.</summary>
    internal static (Tensor Weight, Tensor Bias) Split(Tensor whole)
    {
        var single = whole.To(DType.Float32);
        var inputs = whole.Size(1) - 1;
        return (single.Narrow(1, 0, inputs).Clone(), single.Select(1, inputs).Clone());
    }

    private static Tensor[] Heads(Tensor rows, int width) =>
        [.. Enumerable.Range(0, (int)rows.Size(0) / width).Select(h => rows.Narrow(0, (long)h * width, width))];
}
