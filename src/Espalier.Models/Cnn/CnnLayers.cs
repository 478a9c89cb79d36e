namespace Espalier.Models.Cnn;

/// <summary>A convolution and the BatchNorm after it.</summary>
/// <param name="Conv">Name of the convolution; its tensor is <c>NAME.weight</c> [outputs, inputs / groups, kernel, kernel].</param>
/// <param name="Norm">Name of the BatchNorm.</param>
/// <param name="Inputs">Channels that enter.</param>
/// <param name="Outputs">Channels that leave.</param>
/// <param name="Kernel">Side, odd; half of it is padded.</param>
/// <param name="Stride">Stride.</param>
/// <param name="Activates">Whether an activation follows.</param>
internal sealed record ConvLayer(string Conv, string Norm, int Inputs, int Outputs, int Kernel, int Stride, bool Activates)
{
    /// <summary>1, or as many as channels when each is convolved alone.</summary>
    public int Groups { get; init; } = 1;

    public int Padding => Kernel / 2;

    /// <summary>Side of the output for an input of that side.</summary>
    public int SideAfter(int side) => (side + 2 * Padding - Kernel) / Stride + 1;
}

/// <summary>
/// The convolutions of an architecture, in the order of the forward pass. Tensors, cost, forward pass and export all go by this list.
/// </summary>
internal static class CnnLayers
{
    public static ConvLayer Stem(CnnArchitecture net) => new(
        net.Style == CnnStyle.ResNet ? "conv1" : "conv_stem", "bn1", net.Channels, net.Stem.Width, net.Stem.Kernel, net.Stem.Stride, Activates: true);

    /// <summary>The residual branch of a block; empty when the block is gone.</summary>
    public static IReadOnlyList<ConvLayer> Branch(CnnArchitecture net, int index)
    {
        var (block, p) = (net.Blocks[index], net.Prefix(index));
        int inputs = block.Inputs, hidden = block.Hidden, outputs = block.Outputs, stride = block.Stride;
        return block.Kind switch
        {
            CnnBlockKind.Basic =>
            [
                new(p + "conv1", p + "bn1", inputs, hidden, 3, stride, true),
                new(p + "conv2", p + "bn2", hidden, outputs, 3, 1, false),
            ],
            CnnBlockKind.Bottleneck =>
            [
                new(p + "conv1", p + "bn1", inputs, hidden, 1, 1, true),
                new(p + "conv2", p + "bn2", hidden, hidden, 3, stride, true),
                new(p + "conv3", p + "bn3", hidden, outputs, 1, 1, false),
            ],
            CnnBlockKind.InvertedResidual when block.Expands =>
            [
                new(p + "conv_pw", p + "bn1", inputs, hidden, 1, 1, true),
                new(p + "conv_dw", p + "bn2", hidden, hidden, 3, stride, true) { Groups = hidden },
                new(p + "conv_pwl", p + "bn3", hidden, outputs, 1, 1, false),
            ],
            CnnBlockKind.InvertedResidual =>
            [
                new(p + "conv_dw", p + "bn1", inputs, hidden, 3, stride, true) { Groups = hidden },
                new(p + "conv_pw", p + "bn2", hidden, outputs, 1, 1, false),
            ],
            _ => [],
        };
    }

    /// <summary>The way past a block; null when it is the input itself.</summary>
    public static ConvLayer? Shortcut(CnnArchitecture net, int index)
    {
        var (block, p) = (net.Blocks[index], net.Prefix(index));
        return block.Shortcut ? new(p + "downsample.0", p + "downsample.1", block.Inputs, block.Outputs, 1, block.Stride, Activates: false) : null;
    }

    /// <summary>The convolution before the pooling.</summary>
    public static ConvLayer? Head(CnnArchitecture net) =>
        net.HeadWidth > 0 ? new("conv_head", "bn2", net.Blocks[^1].Outputs, net.HeadWidth, 1, 1, Activates: true) : null;

    /// <summary>Every layer, a shortcut after its branch.</summary>
    public static IEnumerable<ConvLayer> All(CnnArchitecture net)
    {
        yield return Stem(net);
        for (var i = 0; i < net.Depth; i++)
        {
            foreach (var layer in Branch(net, i)) yield return layer;
            if (Shortcut(net, i) is { } shortcut) yield return shortcut;
        }
        if (Head(net) is { } head) yield return head;
    }
}
