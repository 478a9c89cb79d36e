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
/// A Vision Transformer as data, plain or with windows: everything <c>forward</c> needs besides the tensors.
/// Tokens before the patches (class, distillation, registers), learned position embedding, pre-norm blocks, final LayerNorm, linear head. The
/// defaults are those of the original: a class token with a position of its own, which the head reads.
/// </summary>
public sealed partial record VitArchitecture : Architecture
{
    public required int PatchSize { get; init; }

    /// <summary>Embedding width D; see <see cref="WidthOf"/> for a network whose width grows with depth.</summary>
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

    /// <summary>
    /// Whether it is a Swin Transformer: patch merging between stages, positions told by the windows' biases alone, a LayerNorm after the patch
    /// projection (<c>patch_embed.norm</c>), no tokens but patches, tensors named by stage.
    /// </summary>
    public bool Staged { get; init; }

    public override int Depth => Blocks.Length;

    /// <summary>
    /// Whether it is a plain ViT, whatever its widths: a class token alone before the patches, read by the head; biases everywhere; no norms,
    /// scales or merging besides. Or a Swin, with biases everywhere and none of those either.
    /// </summary>
    public bool IsPlain => this is { ClassToken: true, DistToken: false, RegTokens: 0, Pool: Pooling.Token, FcNorm: false, PreNorm: false, PatchBias: true, EmbedPrefix: true, Staged: false } or { Staged: true, PatchBias: true }
        && Blocks.All(b => b is { QkvBias: true, QkNorm: false, LayerScale: false, GatedMlp: false, TokensMerged: 0 });

    /// <summary>Patches along one side.</summary>
    public int Grid => ImageSize / PatchSize;

    /// <summary>Patches along one side in a block; in what comes after the last one when it is the depth. An odd side is padded before merging.</summary>
    public int GridOf(int block) => Blocks.Take(block + 1).Aggregate(Grid, (side, b) => b.DownsampleDim > 0 ? (side + 1) / 2 : side);

    /// <summary>Width D of a block; of what comes after the last one when it is the depth.</summary>
    public int WidthOf(int block) => Blocks.Take(block + 1).Aggregate(EmbedDim, (width, b) => b.DownsampleDim > 0 ? b.DownsampleDim : width);

    /// <summary>The network with another width from the first block of a stage on; from the embedding on when that is block 0, or -1.</summary>
    public VitArchitecture WithWidth(int first, int width) => first <= 0 ? this with { EmbedDim = width }
        : this with { Blocks = Blocks.SetItem(first, Blocks[first] with { DownsampleDim = width }) };

    /// <summary>The first block of every stage: block 0, and those that patch merging stands before.</summary>
    public ImmutableArray<int> Stages => [.. Enumerable.Range(0, Depth).Where(i => i == 0 || Blocks[i].DownsampleDim > 0)];

    /// <summary>Number of patches.</summary>
    public int Patches => Grid * Grid;

    /// <summary>Tokens before the patches.</summary>
    public int PrefixTokens => (ClassToken ? 1 : 0) + (DistToken ? 1 : 0) + RegTokens;

    /// <summary>Tokens N: patches and those before them.</summary>
    public int Tokens => Patches + PrefixTokens;

    /// <summary>Rows of the position embedding.</summary>
    public int Positions => Staged ? 0 : EmbedPrefix ? Tokens : Patches;

    /// <summary>Name of the final LayerNorm.</summary>
    public string FinalNorm => FcNorm ? "fc_norm" : "norm";

    public bool HasLayerScale => Blocks.Any(b => b.LayerScale);

    /// <summary>Tokens of block <paramref name="block"/>, or after the last one when it is the depth, when none was merged by its keys.</summary>
    public int TokensOf(int block) => PrefixTokens + GridOf(block) * GridOf(block);

    /// <summary>Tokens that enter block <paramref name="block"/>, or the final LayerNorm when it is the depth: N less all merged before.</summary>
    public int TokensInto(int block) => TokensOf(block) - Blocks.Take(block).Sum(b => b.TokensMerged);

    /// <summary>Whether any block merges tokens.</summary>
    public override bool MergesTokens => Blocks.Any(b => b.TokensMerged > 0);

    /// <summary>This architecture with the merging of another one of the same depth.</summary>
    public VitArchitecture WithMerging(VitArchitecture pattern) =>
        this with { Blocks = [.. Blocks.Zip(pattern.Blocks, (b, p) => b with { TokensMerged = p.TokensMerged })] };

    /// <summary>What is wrong with windows, stages or the merging of tokens, in words; null when nothing is.</summary>
    public string? Check()
    {
        var windows = Enumerable.Range(0, Depth).Where(i => Blocks[i] is { HasWindows: true } or { Shift: > 0 } or { DownsampleDim: > 0 }).ToList();
        if (!Staged && windows.Count > 0) return $"block {windows[0]} has windows or patch merging, which only a network in stages (Swin) has.";
        if (Staged && (PrefixTokens > 0 || Pool == Pooling.Token || FcNorm || PreNorm)) return "a network in stages (Swin) has no tokens but patches, whose mean the head reads.";
        if (Staged && Blocks is [{ DownsampleDim: > 0 }, ..]) return "no patch merging can stand before block 0.";
        for (var i = 0; i < Depth; i++)
        {
            var block = Blocks[i];
            if (Staged && (block.HasAttention != block.HasWindows || block.Window < 0 || block.Shift < 0 || block.Shift >= Math.Max(1, block.Window)))
                return $"block {i} has {block.Heads} heads, a window of {block.Window} and a shift of {block.Shift}; an attention needs a window above its shift.";
            if (Staged && block.HasMixer) return $"block {i} has a token mixer, which does not go with windows.";
        }
        return CheckMerging();
    }

    /// <summary>What is wrong with the merging of tokens, in words; null when nothing is.</summary>
    public string? CheckMerging()
    {
        if (MergesTokens && Staged) return "windows need every token in its place, so none can be merged into another.";
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

    /// <summary>A dense Swin Transformer: the width doubles from stage to stage, every second block is shifted by half a window, MLP ratio 4.</summary>
    public static VitArchitecture Swin(string name, int imageSize, int patchSize, int channels, int embedDim, IReadOnlyList<int> depths, int headDim, int window,
        int classes)
    {
        return new()
        {
            Name = name, ImageSize = imageSize, PatchSize = patchSize, Channels = channels, EmbedDim = embedDim, Classes = classes, LayerNormEps = 1e-5,
            ClassToken = false, Pool = Pooling.Average, Staged = true,
            Blocks = [.. depths.SelectMany((depth, stage) => Enumerable.Range(0, depth).Select(i => Block(embedDim << stage, i, stage > 0 && i == 0)))],
        };

        VitBlock Block(int width, int index, bool opensStage) => new()
        {
            Heads = width / headDim, QkDim = headDim, VDim = headDim, MlpHidden = 4 * width,
            Window = window, Shift = index % 2 == 1 ? window / 2 : 0, DownsampleDim = opensStage ? width : 0,
        };
    }

    /// <summary>The same network with every block changed alike.</summary>
    public VitArchitecture WithBlocks(Func<VitBlock, VitBlock> change) => this with { Blocks = [.. Blocks.Select(change)] };
}
