using System.Collections.Immutable;
using Espalier.Models.Data;
using Espalier.Models.Formats.Onnx;
using Espalier.Models.Formats.Onnx.Proto;
using Espalier.Torch;

namespace Espalier.Models.Cnn;

/// <summary>A convolution and the norm after it as one linear map of every pixel's neighbourhood, float64.</summary>
/// <param name="Matrix">[outputs, inputs·k·k].</param>
/// <param name="Offset">[outputs].</param>
/// <param name="Kernel">k.</param>
/// <param name="Stride">Stride.</param>
public sealed record CnnMap(Tensor Matrix, Tensor Offset, int Kernel, int Stride)
{
    /// <summary>Matrix and offset side by side: [outputs, inputs·k·k + 1].</summary>
    public Tensor Affine => Tensor.Cat([Matrix, Offset.Reshape(-1, 1)], 1);

    /// <summary>The columns of <see cref="Matrix"/> that go with channels: a neighbourhood each.</summary>
    public int[] Inputs(params ReadOnlySpan<int> channels)
    {
        var area = Kernel * Kernel;
        return [.. channels.ToArray().SelectMany(c => Enumerable.Range(c * area, area))];
    }
}

/// <summary>A convolutional network with its tensors (timm names), running statistics among them. It owns them.</summary>
public sealed class CnnModel(CnnArchitecture architecture, Preprocessing preprocessing, Weights weights) : Model(preprocessing, weights)
{
    private const double FirstNormWeight = 10;

    public override CnnArchitecture Architecture { get; } = architecture;

    /// <inheritdoc cref="Model.Clone"/>
    public override CnnModel Clone() => (CnnModel)base.Clone();

    public override bool IsBuffer(string name) => CnnTensors.IsBuffer(name);

    public override bool IsHead(string name) => name.StartsWith(Architecture.Classifier + ".", StringComparison.Ordinal);

    /// <summary>Whether the tensor belongs to a BatchNorm.</summary>
    public bool IsNorm(string name) => Weights[name].Shape.Length == 1 && !IsHead(name);

    public override Tensor Stem(Tensor pixels, bool training = false) => CnnForward.Stem(this, pixels, new CnnPass(training));

    public override Tensor Blocks(Tensor x, int from, int to, BranchHook? hook = null, bool training = false)
    {
        for (var i = from; i < to; i++) x = CnnForward.Block(this, i, x, new CnnPass(training, hook));
        return x;
    }

    public override Tensor Tail(Tensor x, bool training = false) => CnnForward.Tail(this, x, new CnnPass(training));

    /// <summary>Maps [B, C, h, w] as [B, h·w, C].</summary>
    public override Tensor AsTokens(Tensor x) => x.Reshape(x.Size(0), x.Size(1), -1).Transpose(1, 2);

    /// <summary>A map through a block up to the addition, without the activation after it: [B, outputs, h, w].</summary>
    public Tensor Sum(int block, Tensor x) => CnnForward.Sum(this, block, x, new CnnPass());

    /// <summary>What <see cref="Sum"/> gives to what leaves the block.</summary>
    public Tensor Activate(int block, Tensor sum) => CnnForward.Activate(this, block, sum);

    /// <summary>What is added to the branch of a block: its input, or that through a shortcut; null when nothing is.</summary>
    public Tensor? Skip(int block, Tensor x) => CnnForward.Skip(this, block, x, new CnnPass());

    /// <summary>What enters a layer of a block's branch, a convolution with its norm: [B, inputs, h, w].</summary>
    public Tensor Before(int block, Index layer, Tensor x) => CnnForward.Before(this, block, layer, x, new CnnPass());

    /// <summary>What such a layer makes of that, before its activation: [B, outputs, h, w].</summary>
    public Tensor Linear(int block, Index layer, Tensor x) => CnnForward.Linear(this, CnnLayers.Branch(Architecture, block)[layer], x, new CnnPass());

    /// <summary>The convolution whose output leads to the place of a block that was dropped, and those that take what leads on from it.</summary>
    public (string Before, ImmutableArray<string> After) Around(int dropped)
    {
        var (net, before) = (Architecture, dropped - 1);
        while (before >= 0 && net.Blocks[before].Kind == CnnBlockKind.Dropped) before--;
        var after = Enumerable.Range(dropped + 1, net.Depth - dropped - 1).FirstOrDefault(i => net.Blocks[i].Kind != CnnBlockKind.Dropped, -1);
        ConvLayer?[] next = after < 0 ? [CnnLayers.Head(net)] : [CnnLayers.Branch(net, after)[0], CnnLayers.Shortcut(net, after)];
        return ((before < 0 ? CnnLayers.Stem(net) : CnnLayers.Branch(net, before)[^1]).Conv, [.. next.OfType<ConvLayer>().Select(l => l.Conv)]);
    }

    /// <summary>Weights of the convolutions of a block's branch, first to last: [outputs, inputs / groups, k, k].</summary>
    public ImmutableArray<Tensor> Convolutions(int block) => [.. CnnLayers.Branch(Architecture, block).Select(layer => Weights[layer.Conv + ".weight"])];

    /// <summary>A layer of a block's branch, a convolution of all its inputs with its norm, as one linear map of a pixel's neighbourhood.</summary>
    public CnnMap Map(int block, Index layer)
    {
        var (l, scale) = (CnnLayers.Branch(Architecture, block)[layer], Scale(block, layer));
        if (l.Groups > 1) throw new ArgumentException($"{l.Conv} convolves every channel alone; it is no map of all of them.");
        var weight = Weights[l.Conv + ".weight"].To(DType.Float64).Reshape(l.Outputs, -1);
        return new CnnMap(weight * scale.Reshape(-1, 1), Norm(block, layer, ".bias") - Norm(block, layer, ".running_mean") * scale, l.Kernel, l.Stride);
    }

    // A tensor of a layer's norm, float64.
    internal Tensor Norm(int block, Index layer, string end) => Weights[CnnLayers.Branch(Architecture, block)[layer].Norm + end].To(DType.Float64);

    // What the norm multiplies by.
    internal Tensor Scale(int block, Index layer) => Norm(block, layer, ".weight") / Deviation(block, layer);

    internal Tensor Deviation(int block, Index layer) => (Norm(block, layer, ".running_var") + Architecture.NormEps).Sqrt();

    public override Tensor Pool(Tensor features) => features.Mean([2, 3]);

    public override Tensor Head(Tensor features)
    {
        var (pooled, head) = (Pool(features), Architecture.Classifier);
        return Architecture.Classes == 0 ? pooled : pooled.Linear(Weights[head + ".weight"], Weights[head + ".bias"]);
    }

    /// <summary>
    /// Logits, and Σ w·(‖μ̂ − μ‖₂ + ‖σ̂² − σ²‖₂) over all BatchNorms: how far the statistics of their inputs are from the running ones. The weight
    /// is 10 for the first, else 1.
    /// </summary>
    public override (Tensor Logits, Tensor? Statistics) LogitsWithStatistics(Tensor pixels)
    {
        var terms = new List<Tensor>();
        try
        {
            // Released, as they outlive the block they are made in.
            var features = CnnForward.Features(this, pixels, new CnnPass
            {
                OnNorm = (layer, x) => terms.Add(TensorScope.Release(Distance(layer, x) * (terms.Count == 0 ? FirstNormWeight : 1))),
            });
            return (Head(features), Tensor.Stack([.. terms]).Sum());
        }
        finally
        {
            foreach (var term in terms) term.Dispose();
        }
    }

    public override CnnModel ReplaceHead(int classes, ulong seed)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        using var generator = new Generator(seed);
        var (net, weights) = (Architecture with { Classes = classes }, Weights.Clone());
        weights.Set(net.Classifier + ".weight", CnnInit.Head([classes, net.Features], generator).To(Device));
        weights.Set(net.Classifier + ".bias", Tensor.Zeros([classes], device: Device));
        return new CnnModel(net, Preprocessing, weights);
    }

    internal override Model As(Architecture wanted) => wanted.Create(Preprocessing with { Size = wanted.ImageSize }, Weights.Clone());

    public override int Layer(string tensor)
    {
        if (IsHead(tensor)) return Architecture.Depth + 1;
        if (Architecture.HeadWidth > 0 && (tensor.StartsWith("conv_head.", StringComparison.Ordinal) || tensor.StartsWith("bn2.", StringComparison.Ordinal)))
            return Architecture.Depth + 1;
        return Enumerable.Range(0, Architecture.Depth).FirstOrDefault(i => tensor.StartsWith(Architecture.Prefix(i), StringComparison.Ordinal), -1) + 1;
    }

    internal override GraphProto Graph(OnnxOptions options) => CnnOnnx.Graph(this, options);

    private Tensor Distance(ConvLayer layer, Tensor x)
    {
        // Biased, as the batch's own variance is.
        var mean = x.Mean([0, 2, 3]);
        var centred = x - mean.Reshape(1, -1, 1, 1);
        var variance = (centred * centred).Mean([0, 2, 3]);
        return (mean - Weights[layer.Norm + ".running_mean"]).Norm() + (variance - Weights[layer.Norm + ".running_var"]).Norm();
    }
}
