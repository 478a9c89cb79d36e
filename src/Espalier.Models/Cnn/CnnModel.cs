using System.Collections.Immutable;
using Espalier.Models.Data;
using Espalier.Models.Formats.Onnx;
using Espalier.Models.Formats.Onnx.Proto;
using Espalier.Torch;

namespace Espalier.Models.Cnn;

/// <summary>A convolutional network with its tensors (timm names), running statistics among them. It owns them.</summary>
public sealed class CnnModel(CnnArchitecture architecture, Preprocessing preprocessing, Weights weights) : Model(preprocessing, weights)
{
    private const double FirstNormWeight = 10;

    public override CnnArchitecture Architecture { get; } = architecture;

    /// <inheritdoc cref="Model.Clone"/>
    public override CnnModel Clone() => (CnnModel)base.Clone();

    public override bool IsBuffer(string name) => CnnTensors.IsBuffer(name);

    /// <summary>Whether the tensor belongs to the head.</summary>
    public bool IsHead(string name) => name.StartsWith(Architecture.Classifier + ".", StringComparison.Ordinal);

    /// <summary>Whether the tensor belongs to a BatchNorm.</summary>
    public bool IsNorm(string name) => Weights[name].Shape.Length == 1 && !IsHead(name);

    /// <summary>Pixels to the last map before the pooling, [B, D, h, w].</summary>
    public override Tensor Features(Tensor pixels, BranchHook? hook = null) => CnnForward.Features(this, pixels, new CnnPass(Hook: hook));

    public override Tensor TrainingFeatures(Tensor pixels, BranchHook? hook = null) => CnnForward.Features(this, pixels, new CnnPass(Training: true, hook));

    public override Tensor AfterBlock(int block, Tensor pixels, bool training = false) => CnnForward.Through(this, pixels, block + 1, new CnnPass(training));

    /// <summary>The convolution whose output leads to the place of a block that was dropped, and those that take what leads on from it.</summary>
    public (string Before, ImmutableArray<string> After) Around(int dropped)
    {
        var (net, before) = (Architecture, dropped - 1);
        while (before >= 0 && net.Blocks[before].Kind == CnnBlockKind.Dropped) before--;
        var after = Enumerable.Range(dropped + 1, net.Depth - dropped - 1).FirstOrDefault(i => net.Blocks[i].Kind != CnnBlockKind.Dropped, -1);
        ConvLayer?[] next = after < 0 ? [CnnLayers.Head(net)] : [CnnLayers.Branch(net, after)[0], CnnLayers.Shortcut(net, after)];
        return ((before < 0 ? CnnLayers.Stem(net) : CnnLayers.Branch(net, before)[^1]).Conv, [.. next.OfType<ConvLayer>().Select(l => l.Conv)]);
    }

    /// <summary>What enters the last convolution of a block's branch, and what leaves it before its norm: [B, C, h, w].</summary>
    /// <param name="block">Index of a block that is there.</param>
    /// <param name="pixels">[B, C, S, S].</param>
    public (Tensor Inputs, Tensor Outputs) LastConvolution(int block, Tensor pixels)
    {
        var last = CnnLayers.Branch(Architecture, block)[^1];
        var (inputs, outputs) = (default(Tensor), default(Tensor));
        CnnForward.Through(this, pixels, block + 1, new CnnPass
        {
            // Released, as they outlive the block they are seen in.
            OnConv = (layer, x) => inputs = layer == last ? TensorScope.Release(x.Alias()) : inputs,
            OnNorm = (layer, x) => outputs = layer == last ? TensorScope.Release(x.Alias()) : outputs,
        });
        using (inputs)
        using (outputs) return (inputs!.Alias(), outputs!.Alias());
    }

    /// <summary>The last convolution of a block's branch, [outputs, inputs, k, k].</summary>
    public Tensor LastWeight(int block) => Weights[CnnLayers.Branch(Architecture, block)[^1].Conv + ".weight"];

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
        TorchRuntime.Seed(seed);
        var (net, weights) = (Architecture with { Classes = classes }, Weights.Clone());
        weights.Set(net.Classifier + ".weight", CnnInit.Head([classes, net.Features]).To(Device));
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
