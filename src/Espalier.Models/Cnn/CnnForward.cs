using Espalier.Torch;

namespace Espalier.Models.Cnn;

/// <summary>How one forward pass runs.</summary>
/// <param name="Training">BatchNorms go by the batch's statistics and count them; else by the running ones.</param>
/// <param name="Hook">Changes residual branches.</param>
internal sealed record CnnPass(bool Training = false, BranchHook? Hook = null)
{
    /// <summary>Told the input of every convolution, [B, C, H, W].</summary>
    public Action<ConvLayer, Tensor>? OnConv { get; init; }

    /// <summary>Told the input of every BatchNorm, [B, C, H, W].</summary>
    public Action<ConvLayer, Tensor>? OnNorm { get; init; }
}

/// <summary>The forward pass of a convolutional network, driven by its architecture alone. Maps are [B, C, H, W].</summary>
internal static class CnnForward
{
    /// <summary>Pixels to the last map before the pooling.</summary>
    public static Tensor Features(CnnModel model, Tensor pixels, CnnPass pass)
    {
        var net = model.Architecture;
        var x = Through(model, pixels, net.Depth, pass);
        return CnnLayers.Head(net) is { } head ? Layer(model, head, x, pass) : x;
    }

    /// <summary>Pixels to the map after the first <paramref name="blocks"/> blocks.</summary>
    public static Tensor Through(CnnModel model, Tensor pixels, int blocks, CnnPass pass)
    {
        var x = Layer(model, CnnLayers.Stem(model.Architecture), pixels, pass);
        if (model.Architecture.Stem.Pool) x = x.MaxPool2d(window: 3, stride: 2, padding: 1);
        for (var i = 0; i < blocks; i++) x = Block(model, i, x, pass);
        return x;
    }

    /// <summary>A map through block <paramref name="i"/>.</summary>
    public static Tensor Block(CnnModel model, int i, Tensor x, CnnPass pass)
    {
        var block = model.Architecture.Blocks[i];
        if (block.Kind == CnnBlockKind.Dropped) return x;
        // Handles on what is only passed through go at the end of the block: memory stays at what autograd itself keeps.
        using var scope = new TensorScope();
        var branch = CnnLayers.Branch(model.Architecture, i).Aggregate(x, (y, layer) => Layer(model, layer, y, pass));
        if (!block.IsResidual) return scope.Keep(branch);
        if (pass.Hook is { } hook) branch = hook(i, branch);
        var sum = branch + (CnnLayers.Shortcut(model.Architecture, i) is { } shortcut ? Layer(model, shortcut, x, pass) : x);
        return scope.Keep(model.Architecture.Style == CnnStyle.ResNet ? sum.Relu() : sum);
    }

    /// <summary>Convolution, BatchNorm, and the activation where there is one.</summary>
    private static Tensor Layer(CnnModel model, ConvLayer layer, Tensor x, CnnPass pass)
    {
        var w = model.Weights;
        pass.OnConv?.Invoke(layer, x);
        x = x.Conv2d(w[layer.Conv + ".weight"], null, layer.Stride, layer.Padding, layer.Groups).To(DType.Float32);
        pass.OnNorm?.Invoke(layer, x);
        x = x.BatchNorm(w[layer.Norm + ".weight"], w[layer.Norm + ".bias"], w[layer.Norm + ".running_mean"], w[layer.Norm + ".running_var"],
            pass.Training, CnnArchitecture.Momentum, model.Architecture.NormEps);
        if (!layer.Activates) return x;
        return model.Architecture.Style == CnnStyle.ResNet ? x.Relu() : x.Relu6();
    }
}
