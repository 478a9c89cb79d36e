using Espalier.Torch;

namespace Espalier.Models.Cnn;

/// <summary>
/// Structural edits: each returns a new model whose architecture and tensors were changed together. The input model stays as it is; kept
/// tensors are copied bit for bit.
/// </summary>
public static class CnnEdit
{
    // Of a norm's mean factor.
    private const double LeastScale = 1e-3;

    /// <summary>Removes a block that adds to its input; it keeps its place in the architecture and passes its input on.</summary>
    /// <exception cref="ArgumentException">What leaves the block has another shape than what enters it.</exception>
    public static CnnModel DropBlock(this CnnModel model, int block) => model.Architecture.Blocks[block].IsIdentityShaped
        ? model.Edit(block, b => b.Drop(), (_, _) => null)
        : throw new ArgumentException($"Block {block} of {model.Architecture.Name} ({model.Architecture.Blocks[block].Kind.JsonName()}) changes the shape of what goes through, or is gone; it cannot be dropped.");

    /// <summary>
    /// Keeps the given inner channels of a block: outputs of its first convolution with their norm, slices of what stands between, inputs of its
    /// last convolution.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="block">Index of a block that has inner channels.</param>
    /// <param name="channels">Distinct, ascending, each in [0, hidden).</param>
    /// <param name="first">In a bottleneck, the channels that stay between the first convolution and the second, as many; the same ones unless they are given.</param>
    /// <exception cref="ArgumentException">The channels are not such, or the block has none of its own.</exception>
    public static CnnModel KeepHidden(this CnnModel model, int block, ReadOnlySpan<int> channels, ReadOnlySpan<int> first = default)
    {
        var before = model.Architecture.Blocks[block];
        if (!before.HasInnerChannels) throw new ArgumentException($"Block {block} of {model.Architecture.Name} ({before.Kind.JsonName()}) has no inner channels of its own.");
        if (!first.IsEmpty && (before.Kind != CnnBlockKind.Bottleneck || first.Length != channels.Length))
            throw new ArgumentException($"Block {block} cannot keep {first.Length} channels after its first convolution and {channels.Length} after that.");
        var last = Checked(channels, before.Hidden);
        var inner = first.IsEmpty ? last : Checked(first, before.Hidden);
        var layers = CnnLayers.Branch(model.Architecture, block);
        return model.Edit(block, b => b with { Hidden = last.Length }, (name, tensor) =>
        {
            for (var l = 0; l < layers.Count; l++)
            {
                var outputs = l == 0 ? inner : last;
                // Between first and last, both sides are inner channels; a convolution of single channels has them on one side alone.
                if (name == layers[l].Conv + ".weight")
                {
                    if (l < layers.Count - 1) tensor = tensor.IndexSelect(0, outputs);
                    return l > 0 && layers[l].Groups == 1 ? tensor.IndexSelect(1, l == 1 ? inner : last) : tensor;
                }
                if (name.StartsWith(layers[l].Norm + ".", StringComparison.Ordinal)) return l < layers.Count - 1 ? tensor.IndexSelect(0, outputs) : tensor;
            }
            return tensor;
        });
    }

    /// <summary>
    /// Makes a layer of a block's branch, a convolution and the norm after it, compute another map. As convolutions have no bias, the offset goes into
    /// the norm's running mean; its factors stay, but where they are as good as 0.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="block">Index of a block that is there.</param>
    /// <param name="layer">Which convolution of the branch.</param>
    /// <param name="matrix">[outputs, inputs·k·k], see <see cref="CnnModel.Map"/>.</param>
    /// <param name="offset">[outputs].</param>
    public static CnnModel ReplaceLayer(this CnnModel model, int block, Index layer, Tensor matrix, Tensor offset)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var (conv, scale) = (CnnLayers.Branch(model.Architecture, block)[layer], model.Scale(block, layer));
        // A channel that its norm all but silences would need huge weights to be heard again.
        var size = scale.Abs();
        var floor = size.Mean().Item() * LeastScale + double.Epsilon;
        scale = scale.Where(size.Clamp(floor, double.MaxValue).EqualTo(size), Tensor.Full(scale.Shape, floor, DType.Float64, scale.Device));
        var replaced = new Dictionary<string, Tensor>
        {
            [conv.Conv + ".weight"] = (matrix / scale.Reshape(-1, 1)).Reshape(model.Weights[conv.Conv + ".weight"].Shape),
            [conv.Norm + ".weight"] = scale * model.Deviation(block, layer),
            [conv.Norm + ".running_mean"] = (model.Norm(block, layer, ".bias") - offset) / scale,
        };
        return model.Edit(block, b => b, (name, tensor) => replaced.TryGetValue(name, out var other) ? other.To(DType.Float32) : tensor);
    }

    private static int[] Checked(ReadOnlySpan<int> channels, int hidden)
    {
        if (channels.IsEmpty) throw new ArgumentException("At least one inner channel must be kept; use DropBlock to drop the block.");
        for (var k = 0; k < channels.Length; k++)
            if (channels[k] >= hidden || (k == 0 ? channels[0] < 0 : channels[k] <= channels[k - 1]))
                throw new ArgumentException($"Inner channels must be distinct, ascending and in [0, {hidden}); got {channels[k]} at position {k}.");
        return channels.ToArray();
    }

    // The tensors of the block go through the function; null removes one.
    private static CnnModel Edit(this CnnModel model, int block, Func<CnnBlock, CnnBlock> shape, Func<string, Tensor, Tensor?> edit)
    {
        using var noGrad = new NoGrad();
        var net = model.Architecture;
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
