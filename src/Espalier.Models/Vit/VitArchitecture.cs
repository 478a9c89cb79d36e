using System.Collections.Immutable;

namespace Espalier.Models.Vit;

/// <summary>
/// A plain Vision Transformer as data: everything <c>forward</c> needs besides the tensors.
/// Class token, learned position embedding, pre-norm blocks, final LayerNorm, linear head on the class token.
/// </summary>
public sealed record VitArchitecture
{
    /// <summary>timm name, e.g. <c>vit_tiny_patch16_224</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Input side in pixels (square).</summary>
    public required int ImageSize { get; init; }

    public required int PatchSize { get; init; }

    public int Channels { get; init; } = 3;

    /// <summary>Embedding width D.</summary>
    public required int EmbedDim { get; init; }

    public required int Classes { get; init; }

    /// <summary>LayerNorm epsilon; 1e-6 in timm's ViT and DeiT.</summary>
    public double LayerNormEps { get; init; } = 1e-6;

    /// <summary>Per-block widths, one record per original block; a dropped block keeps its place.</summary>
    public required ImmutableArray<VitBlock> Blocks { get; init; }

    public int Depth => Blocks.Length;

    /// <summary>Number of patches.</summary>
    public int Patches => ImageSize / PatchSize * (ImageSize / PatchSize);

    /// <summary>Tokens N: patches plus the class token.</summary>
    public int Tokens => Patches + 1;

    /// <summary>A dense ViT whose blocks are all alike, with MLP ratio 4 unless <paramref name="mlpHidden"/> is given.</summary>
    public static VitArchitecture Uniform(string name, int imageSize, int patchSize, int channels, int embedDim, int depth, int heads,
        int classes, int? mlpHidden = null) => new()
    {
        Name = name,
        ImageSize = imageSize,
        PatchSize = patchSize,
        Channels = channels,
        EmbedDim = embedDim,
        Classes = classes,
        Blocks = [.. Enumerable.Repeat(
            new VitBlock { Heads = heads, QkDim = embedDim / heads, VDim = embedDim / heads, MlpHidden = mlpHidden ?? 4 * embedDim }, depth)],
    };
}
