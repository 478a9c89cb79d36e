using System.Collections.Immutable;
using System.Text.Json;
using Espalier.Models.Data;

namespace Espalier.Models.Cnn;

/// <summary>Whose names the tensors have, and which activation follows the convolutions.</summary>
public enum CnnStyle
{
    /// <summary>ReLU, also after each addition.</summary>
    ResNet,
    /// <summary>ReLU6, none after an addition; a 1×1 convolution before the pooling.</summary>
    MobileNetV2,
}

/// <summary>The first layers of a network.</summary>
/// <param name="Width">Channels.</param>
/// <param name="Kernel">Side of the convolution, odd.</param>
/// <param name="Stride">Its stride.</param>
/// <param name="Pool">Whether a 3×3 maximum of stride 2 follows.</param>
public sealed record CnnStem(int Width, int Kernel, int Stride, bool Pool);

/// <summary>
/// A convolutional classifier as data: stem, blocks, mean over the image, linear head. A BatchNorm follows every convolution, which has no bias.
/// </summary>
public sealed record CnnArchitecture : Architecture
{
    /// <summary>Share of a batch's statistics in the running ones at each step (PyTorch's default).</summary>
    internal const double Momentum = 0.1;

    public required CnnStyle Style { get; init; }

    public required CnnStem Stem { get; init; }

    /// <summary>One record per original block; a dropped block keeps its place.</summary>
    public required ImmutableArray<CnnBlock> Blocks { get; init; }

    /// <summary>Channels of the 1×1 convolution before the pooling; 0 when there is none.</summary>
    public int HeadWidth { get; init; }

    /// <summary>BatchNorm epsilon.</summary>
    public double NormEps { get; init; } = 1e-5;

    public override string Family => "convolutional network";

    public override int Depth => Blocks.Length;

    public override int Features => HeadWidth > 0 ? HeadWidth : Blocks[^1].Outputs;

    /// <summary>Name of the head.</summary>
    internal string Classifier => Style == CnnStyle.ResNet ? "fc" : "classifier";

    /// <summary>What the tensors of a block begin with: <c>layer2.0.</c> in a ResNet, <c>blocks.1.0.</c> in a MobileNetV2.</summary>
    public override string Prefix(int block)
    {
        var stage = Blocks[block].Stage;
        var index = Blocks.Take(block).Count(b => b.Stage == stage);
        return Style == CnnStyle.ResNet ? $"layer{stage + 1}.{index}." : $"blocks.{stage}.{index}.";
    }

    /// <summary>Blocks that can be left out or cut alone: identity-shaped, and not the first of their stage.</summary>
    public IEnumerable<int> Removable => Enumerable.Range(0, Depth).Where(i => Blocks[i].IsIdentityShaped && i > 0 && Blocks[i - 1].Stage == Blocks[i].Stage);

    public override Cost Cost() => CnnCost.Of(this);

    public override IEnumerable<TensorSpec> Tensors() => CnnTensors.Expected(this);

    public override IEnumerable<BlockFacts> BlockFacts() => Blocks.Zip(CnnCost.OfBlocks(this), (block, cost) => new BlockFacts(block.Kind.JsonName(), cost)
    {
        Inputs = block.Inputs,
        Hidden = block.Hidden,
        Outputs = block.Outputs,
        Stride = block.Stride,
    });

    public override CnnModel Create(Preprocessing preprocessing, Weights weights) => new(this, preprocessing, weights);

    public override CnnModel Random(Preprocessing preprocessing, ulong seed) => CnnInit.Random(this, preprocessing, seed);

    public override CnnArchitecture At(int imageSize) => imageSize >= 1 << 3 ? this with { ImageSize = imageSize }
        : throw new UsageException($"An image size of {imageSize} does not suit {Name}: give at least 8.");

    public override IEnumerable<WidthKind> Widths(int block) => Blocks[block].HasInnerChannels ? [WidthKind.Hidden] : [];

    public override int Width(int block, WidthKind kind) => kind == WidthKind.Hidden ? Blocks[block].Hidden : 0;

    public override CnnArchitecture WithWidth(int block, WidthKind kind, int width) => With(block, Blocks[block] with { Hidden = width });

    public override bool IsBlockLike(Architecture other, int block) => other is CnnArchitecture cnn && cnn.Blocks[block] == Blocks[block];

    /// <summary>Side of the map that leaves a block.</summary>
    public int SideAfter(int block) => CnnCost.Sides(this)[block + 1];

    private CnnArchitecture With(int block, CnnBlock shape) => this with { Blocks = Blocks.SetItem(block, shape) };

    public override bool IsSame(Architecture other) =>
        other is CnnArchitecture cnn && cnn.Blocks.SequenceEqual(Blocks) && cnn with { Blocks = Blocks } == this;

    internal override TimmFacts Timm() => new("avg", Style == CnnStyle.ResNet ? "conv1" : "conv_stem", [Classifier]);

    internal override void Write(Utf8JsonWriter json) => CnnJson.Write(json, this);
}
