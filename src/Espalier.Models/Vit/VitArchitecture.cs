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

    /// <summary>Tokens that enter block <paramref name="block"/>, or the final LayerNorm when it is the depth: N less all merged before.</summary>
    public int TokensInto(int block) => Tokens - Blocks.Take(block).Sum(b => b.TokensMerged);

    /// <summary>Whether any block merges tokens.</summary>
    public bool MergesTokens => Blocks.Any(b => b.TokensMerged > 0);

    /// <summary>This architecture with the merging of another one of the same depth.</summary>
    public VitArchitecture WithMerging(VitArchitecture pattern) =>
        this with { Blocks = [.. Blocks.Zip(pattern.Blocks, (b, p) => b with { TokensMerged = p.TokensMerged })] };

    /// <summary>This architecture with all tokens kept apart.</summary>
    public VitArchitecture WithoutMerging() => this with { Blocks = [.. Blocks.Select(b => b with { TokensMerged = 0 })] };

    /// <summary>What is wrong with the merging of tokens, in words; null when nothing is.</summary>
    public string? CheckMerging()
    {
        for (var i = 0; i < Depth; i++)
        {
            var merged = Blocks[i].TokensMerged;
            if (merged < 0 || merged > TokenMerging.Most(TokensInto(i)))
                return $"block {i} merges {merged} of {TokensInto(i)} tokens; it can merge 0 to {TokenMerging.Most(TokensInto(i))}.";
            if (merged > 0 && !Blocks[i].HasAttention) return $"block {i} merges tokens but has no attention, whose keys say which ones.";
            if (Blocks[i].HasMixer && TokensInto(i) != Tokens) return $"block {i} has a token mixer, whose biases need every token in its place; tokens were merged before.";
        }
        return null;
    }

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
