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
        var x = Stem(model, pixels, pass);
        for (var i = 0; i < model.Architecture.Depth; i++) x = Block(model, i, x, pass);
        return Tail(model, x, pass);
    }

    /// <summary>Pixels to the map that enters block 0.</summary>
    public static Tensor Stem(CnnModel model, Tensor pixels, CnnPass pass)
    {
        var x = Layer(model, CnnLayers.Stem(model.Architecture), pixels, pass);
        return model.Architecture.Stem.Pool ? x.MaxPool2d(window: 3, stride: 2, padding: 1) : x;
    }

    /// <summary>The map that leaves the last block to the one before the pooling.</summary>
    public static Tensor Tail(CnnModel model, Tensor x, CnnPass pass) => CnnLayers.Head(model.Architecture) is { } head ? Layer(model, head, x, pass) : x;

    /// <summary>A map through block <paramref name="i"/>.</summary>
    public static Tensor Block(CnnModel model, int i, Tensor x, CnnPass pass) =>
        model.Architecture.Blocks[i].Kind == CnnBlockKind.Dropped ? x : Activate(model, i, Sum(model, i, x, pass));

    /// <summary>The same before the activation after the addition, where there is one.</summary>
    public static Tensor Sum(CnnModel model, int i, Tensor x, CnnPass pass)
    {
        if (model.Architecture.Blocks[i].Kind == CnnBlockKind.Dropped) return x;
        // Handles on what is only passed through go at the end of the block: memory stays at what autograd itself keeps.
        using var scope = new TensorScope();
        var branch = Layer(model, CnnLayers.Branch(model.Architecture, i)[^1], Before(model, i, ^1, x, pass), pass);
        if (pass.Hook is { } hook && model.Architecture.Blocks[i].IsResidual) branch = hook(i, branch);
        return scope.Keep(Skip(model, i, x, pass) is { } skip ? branch + skip : branch);
    }

    /// <summary>What enters a layer of the branch of block <paramref name="i"/>, x being what enters the block.</summary>
    public static Tensor Before(CnnModel model, int i, Index layer, Tensor x, CnnPass pass) =>
        CnnLayers.Branch(model.Architecture, i).Take(..layer).Aggregate(x, (y, l) => Layer(model, l, y, pass));

    /// <summary>What is added to the branch of block <paramref name="i"/>: its input or that through a shortcut; null when nothing is.</summary>
    public static Tensor? Skip(CnnModel model, int i, Tensor x, CnnPass pass) => !model.Architecture.Blocks[i].IsResidual ? null
        : CnnLayers.Shortcut(model.Architecture, i) is { } shortcut ? Layer(model, shortcut, x, pass) : x;

    /// <summary>The activation after the addition of block <paramref name="i"/>.</summary>
    public static Tensor Activate(CnnModel model, int i, Tensor sum) =>
        model.Architecture.Style == CnnStyle.ResNet && model.Architecture.Blocks[i].Kind != CnnBlockKind.Dropped ? sum.Relu() : sum;

    /// <summary>Convolution, BatchNorm, and the activation where there is one.</summary>
    private static Tensor Layer(CnnModel model, ConvLayer layer, Tensor x, CnnPass pass)
    {
        x = Linear(model, layer, x, pass);
        if (!layer.Activates) return x;
        return model.Architecture.Style == CnnStyle.ResNet ? x.Relu() : x.Relu6();
    }

    /// <summary>Convolution and BatchNorm.</summary>
    public static Tensor Linear(CnnModel model, ConvLayer layer, Tensor x, CnnPass pass)
    {
        var w = model.Weights;
        pass.OnConv?.Invoke(layer, x);
        x = x.Conv2d(w[layer.Conv + ".weight"], null, layer.Stride, layer.Padding, layer.Groups).To(DType.Float32);
        pass.OnNorm?.Invoke(layer, x);
        return x.BatchNorm(w[layer.Norm + ".weight"], w[layer.Norm + ".bias"], w[layer.Norm + ".running_mean"], w[layer.Norm + ".running_var"],
            pass.Training, CnnArchitecture.Momentum, model.Architecture.NormEps);
    }
}
