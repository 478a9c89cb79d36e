using Espalier.Torch;

namespace Espalier.Models.Cnn;

/// <summary>
/// Structural edits: each returns a new model whose architecture and tensors were changed together. The input model stays as it is; kept
/// tensors are copied bit for bit.
/// </summary>
public static class CnnEdit
{
    /// <summary>Removes a block that adds to its input; it keeps its place in the architecture and passes its input on.</summary>
    /// <exception cref="ArgumentException">What leaves the block has another shape than what enters it.</exception>
    public static CnnModel DropBlock(this CnnModel model, int block) => model.Edit(block, b => b.Drop(), (_, _) => null);

    /// <summary>
    /// Keeps the given inner channels of a block: outputs of its first convolution with their norm, slices of what stands between, inputs of its
    /// last convolution.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="block">Index of a block that adds to its input.</param>
    /// <param name="channels">Distinct, ascending, each in [0, hidden).</param>
    /// <exception cref="ArgumentException">The channels are not such, or the block cannot be cut alone.</exception>
    public static CnnModel KeepHidden(this CnnModel model, int block, ReadOnlySpan<int> channels)
    {
        var hidden = model.Architecture.Blocks[block].Hidden;
        if (channels.IsEmpty) throw new ArgumentException("At least one inner channel must be kept; use DropBlock to drop the block.");
        for (var k = 0; k < channels.Length; k++)
            if (channels[k] >= hidden || (k == 0 ? channels[0] < 0 : channels[k] <= channels[k - 1]))
                throw new ArgumentException($"Inner channels must be distinct, ascending and in [0, {hidden}); got {channels[k]} at position {k}.");
        var kept = channels.ToArray();
        var layers = CnnLayers.Branch(model.Architecture, block);
        return model.Edit(block, b => b with { Hidden = kept.Length }, (name, tensor) =>
        {
            for (var l = 0; l < layers.Count; l++)
            {
                // Between first and last, both sides are inner channels; a convolution of single channels has them on one side alone.
                if (name == layers[l].Conv + ".weight")
                {
                    if (l < layers.Count - 1) tensor = tensor.IndexSelect(0, kept);
                    return l > 0 && layers[l].Groups == 1 ? tensor.IndexSelect(1, kept) : tensor;
                }
                if (name.StartsWith(layers[l].Norm + ".", StringComparison.Ordinal)) return l < layers.Count - 1 ? tensor.IndexSelect(0, kept) : tensor;
            }
            return tensor;
        });
    }

    /// <summary>
    /// Gives the last convolution of a block other weights and a bias; as convolutions have none, the norm after it takes the bias off its running mean.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="block">Index of a block that adds to its input.</param>
    /// <param name="weight">Of the shape that is there.</param>
    /// <param name="bias">[outputs].</param>
    public static CnnModel ReplaceLast(this CnnModel model, int block, Tensor weight, Tensor bias)
    {
        var last = CnnLayers.Branch(model.Architecture, block)[^1];
        return model.Edit(block, b => b, (name, tensor) => name == last.Conv + ".weight" ? weight.Clone()
            : name == last.Norm + ".running_mean" ? tensor - bias : tensor);
    }

    // The tensors of the block go through the function; null removes one.
    private static CnnModel Edit(this CnnModel model, int block, Func<CnnBlock, CnnBlock> shape, Func<string, Tensor, Tensor?> edit)
    {
        using var noGrad = new NoGrad();
        var net = model.Architecture;
        if (!net.Blocks[block].IsIdentityShaped)
            throw new ArgumentException($"Block {block} of {net.Name} ({net.Blocks[block].Kind.JsonName()}) changes the shape of what goes through, or is gone; it cannot be cut alone.");
        var prefix = net.Prefix(block);
        var weights = new Weights();
        foreach (var (name, tensor) in model.Weights)
        {
            using var scope = new TensorScope();
            var kept = name.StartsWith(prefix, StringComparison.Ordinal) ? edit(name, tensor) : tensor;
            if (kept is not null) weights.Set(name, ReferenceEquals(kept, tensor) ? tensor.Detach().Clone() : kept);
        }
        return new CnnModel(net with { Blocks = net.Blocks.SetItem(block, shape(net.Blocks[block])) }, model.Preprocessing, weights);
    }
}
