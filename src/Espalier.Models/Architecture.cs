using System.Collections.Immutable;
using System.Text.Json;
using Espalier.Models.Data;

namespace Espalier.Models;

/// <summary>Name and shape of one tensor that an architecture needs.</summary>
public sealed record TensorSpec(string Name, ImmutableArray<long> Shape);

/// <summary>
/// A network as data, of any family: everything <c>forward</c> needs besides the tensors. What a family's networks have in common is in its
/// own record; whatever does not care for families goes by this one.
/// </summary>
public abstract record Architecture
{
    /// <summary>timm name, e.g. <c>vit_tiny_patch16_224</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Input side in pixels (square).</summary>
    public required int ImageSize { get; init; }

    public int Channels { get; init; } = 3;

    /// <summary>Outputs of the head; 0 when there is none and the network ends with what the head would read.</summary>
    public required int Classes { get; init; }

    /// <summary>Width of what the head reads.</summary>
    public abstract int Features { get; }

    /// <summary>Blocks; one that was dropped keeps its place.</summary>
    public abstract int Depth { get; }

    /// <summary>What the names of a block's tensors begin with.</summary>
    public abstract string Prefix(int block);

    /// <summary>The widths of a block that can be cut one from another and repaired; none of a block that has none.</summary>
    public abstract IEnumerable<WidthKind> Widths(int block);

    /// <summary>One width of a block; 0 when it is not there.</summary>
    public abstract int Width(int block, WidthKind kind);

    /// <summary>The network with one width of a block changed; what it computes with those that stay is left as it was.</summary>
    public abstract Architecture WithWidth(int block, WidthKind kind, int width);

    /// <summary>Whether a block has the widths and layers that another network's has, whatever the two are called.</summary>
    public abstract bool IsBlockLike(Architecture other, int block);

    /// <summary>Whether tokens are merged on the way, so that features no longer stand in one place each.</summary>
    public virtual bool MergesTokens => false;

    /// <summary>What the family is called, in the singular.</summary>
    public abstract string Family { get; }

    /// <summary>The whole network, for one image.</summary>
    public abstract Cost Cost();

    /// <summary>Every tensor, in the order of the forward pass. What was cut away is absent, not empty.</summary>
    public abstract IEnumerable<TensorSpec> Tensors();

    /// <summary>The name a tensor has in files: timm's.</summary>
    public virtual string FileName(string tensor) => tensor;

    /// <summary>The blocks as people are shown them.</summary>
    public abstract IEnumerable<BlockFacts> BlockFacts();

    /// <summary>A network of this architecture with these tensors, which it takes over.</summary>
    public abstract Model Create(Preprocessing preprocessing, Weights weights);

    /// <summary>A network with fresh weights.</summary>
    /// <param name="preprocessing">Kept with the model.</param>
    /// <param name="seed">Same seed, same weights.</param>
    public abstract Model Random(Preprocessing preprocessing, ulong seed);

    /// <summary>The architecture for square images of another size.</summary>
    /// <exception cref="UsageException">The size does not suit it.</exception>
    public abstract Architecture At(int imageSize);

    /// <summary>The architecture as methods cut it: factors that can be multiplied into a layer before them are.</summary>
    public virtual Architecture Folded() => this;

    /// <summary>Whether another architecture is the same in everything.</summary>
    public abstract bool IsSame(Architecture other);

    /// <summary>What timm's <c>config.json</c> says of it.</summary>
    internal abstract TimmFacts Timm();

    /// <summary>Writes the whole architecture into the <c>espalier</c> object of <c>config.json</c>.</summary>
    internal abstract void Write(Utf8JsonWriter json);

    /// <summary>What is other than in the family's original, in words; empty when nothing is.</summary>
    public virtual IEnumerable<string> Traits() => [];
}

/// <summary>What timm's <c>config.json</c> says of a network besides its name.</summary>
/// <param name="Pool">timm's name of the pooling.</param>
/// <param name="FirstConv">Its first convolution.</param>
/// <param name="Classifiers">Its heads.</param>
internal sealed record TimmFacts(string Pool, string FirstConv, ImmutableArray<string> Classifiers);

/// <summary>One block as people are shown it; a width that the family does not have is 0 or null.</summary>
/// <param name="Kind">What it is, or what is left of it, as JSON spells it.</param>
/// <param name="Cost">What it costs.</param>
public sealed record BlockFacts(string Kind, Cost Cost)
{
    public int Heads { get; init; }

    public int QkDim { get; init; }

    public int VDim { get; init; }

    public int MlpHidden { get; init; }

    /// <summary>Channels that enter a convolutional block.</summary>
    public int? Inputs { get; init; }

    /// <summary>Channels inside a convolutional block.</summary>
    public int? Hidden { get; init; }

    /// <summary>Channels that leave a convolutional block.</summary>
    public int? Outputs { get; init; }

    public int? Stride { get; init; }

    public int? MixerRank { get; init; }

    public int? TokensMerged { get; init; }
}
