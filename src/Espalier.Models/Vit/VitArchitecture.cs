using System.Collections.Immutable;

namespace Espalier.Models.Vit;

/// <summary>What a head reads of the tokens.</summary>
public enum Pooling
{
    /// <summary>The first token.</summary>
    Token,
    /// <summary>The mean of the patches.</summary>
    Average,
}

/// <summary>
/// A plain Vision Transformer as data: everything <c>forward</c> needs besides the tensors.
/// Tokens before the patches (class, distillation, registers), learned position embedding, pre-norm blocks, final LayerNorm, linear head. The
/// defaults are those of the original: a class token with a position of its own, which the head reads.
/// </summary>
public sealed partial record VitArchitecture : Architecture
{
    public required int PatchSize { get; init; }

    /// <summary>Embedding width D.</summary>
    public required int EmbedDim { get; init; }

    /// <summary>LayerNorm epsilon; 1e-6 in timm's ViT and DeiT.</summary>
    public double LayerNormEps { get; init; } = 1e-6;

    /// <summary>Per-block widths, one record per original block; a dropped block keeps its place.</summary>
    public required ImmutableArray<VitBlock> Blocks { get; init; }

    /// <summary>Whether a class token goes first.</summary>
    public bool ClassToken { get; init; } = true;

    /// <summary>Whether a distillation token follows it (DeiT, <c>dist_token</c>).</summary>
    public bool DistToken { get; init; }

    /// <summary>Whether the distillation token has a head of its own (<c>head_dist</c>); the answer is the mean of both heads.</summary>
    public bool DistHead { get; init; }

    /// <summary>Register tokens (<c>reg_token</c>), between the tokens above and the patches.</summary>
    public int RegTokens { get; init; }

    /// <summary>Whether the tokens before the patches have positions, too (timm's <c>no_embed_class</c> is the opposite).</summary>
    public bool EmbedPrefix { get; init; } = true;

    /// <summary>What the head reads.</summary>
    public Pooling Pool { get; init; } = Pooling.Token;

    /// <summary>Whether the final LayerNorm stands after the pooling (<c>fc_norm</c>) instead of before (<c>norm</c>).</summary>
    public bool FcNorm { get; init; }

    /// <summary>Whether a LayerNorm stands before the first block (<c>norm_pre</c>).</summary>
    public bool PreNorm { get; init; }

    /// <summary>Whether the patch projection has a bias.</summary>
    public bool PatchBias { get; init; } = true;

    public override int Depth => Blocks.Length;

    /// <summary>
    /// Whether it is a plain ViT, whatever its widths: a class token alone before the patches, read by the head; biases everywhere; no norms,
    /// scales or merging besides.
    /// </summary>
    public bool IsPlain => this is { ClassToken: true, DistToken: false, RegTokens: 0, Pool: Pooling.Token, FcNorm: false, PreNorm: false, PatchBias: true, EmbedPrefix: true }
        && Blocks.All(b => b is { QkvBias: true, QkNorm: false, LayerScale: false, TokensMerged: 0 });

    /// <summary>Patches along one side.</summary>
    public int Grid => ImageSize / PatchSize;

    /// <summary>Number of patches.</summary>
    public int Patches => Grid * Grid;

    /// <summary>Tokens before the patches.</summary>
    public int PrefixTokens => (ClassToken ? 1 : 0) + (DistToken ? 1 : 0) + RegTokens;

    /// <summary>Tokens N: patches and those before them.</summary>
    public int Tokens => Patches + PrefixTokens;

    /// <summary>Rows of the position embedding.</summary>
    public int Positions => EmbedPrefix ? Tokens : Patches;

    /// <summary>Name of the final LayerNorm.</summary>
    public string FinalNorm => FcNorm ? "fc_norm" : "norm";

    public bool HasLayerScale => Blocks.Any(b => b.LayerScale);

    /// <summary>Tokens that enter block <paramref name="block"/>, or the final LayerNorm when it is the depth: N less all merged before.</summary>
    public int TokensInto(int block) => Tokens - Blocks.Take(block).Sum(b => b.TokensMerged);

    /// <summary>Whether any block merges tokens.</summary>
    public override bool MergesTokens => Blocks.Any(b => b.TokensMerged > 0);

    /// <summary>This architecture with the merging of another one of the same depth.</summary>
    public VitArchitecture WithMerging(VitArchitecture pattern) =>
        this with { Blocks = [.. Blocks.Zip(pattern.Blocks, (b, p) => b with { TokensMerged = p.TokensMerged })] };

    /// <summary>What is wrong with the merging of tokens, in words; null when nothing is.</summary>
    public string? CheckMerging()
    {
        if (MergesTokens && Pool == Pooling.Average) return "a head on the average of all tokens would no longer weigh them alike once some were merged.";
        for (var i = 0; i < Depth; i++)
        {
            var merged = Blocks[i].TokensMerged;
            if (merged < 0 || merged > TokenMerging.Most(TokensInto(i), PrefixTokens))
                return $"block {i} merges {merged} of {TokensInto(i)} tokens; it can merge 0 to {TokenMerging.Most(TokensInto(i), PrefixTokens)}.";
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

    /// <summary>The same network with every block changed alike.</summary>
    public VitArchitecture WithBlocks(Func<VitBlock, VitBlock> change) => this with { Blocks = [.. Blocks.Select(change)] };
}
