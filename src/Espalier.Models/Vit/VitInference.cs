using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace Espalier.Models.Vit;

/// <summary>What may be known about a model besides its tensors.</summary>
/// <param name="Name">timm name, with or without tag, of the folder, the file or the config; null when there is none.</param>
/// <param name="Heads">Attention heads that a config states; null when there is none.</param>
/// <param name="LayerNormEps">LayerNorm epsilon that a config states; null means timm's 1e-6.</param>
public sealed record VitHints(string? Name = null, int? Heads = null, double? LayerNormEps = null);

/// <summary>An inferred architecture.</summary>
/// <param name="Architecture">The architecture.</param>
/// <param name="HeadCountSource">What the head count rests on, in words: shapes alone cannot tell it.</param>
public sealed record InferredVit(VitArchitecture Architecture, string HeadCountSource);

/// <summary>Reads a plain ViT's architecture off the shapes of its tensors (timm names), compressed or not.</summary>
public static partial class VitInference
{
    private const int UsualHeadDim = 64;

    /// <summary>
    /// Infers the architecture; blocks that lost their attention or MLP, got a token mixer, or have a narrower MLP, are recognised.
    /// </summary>
    /// <param name="shapes">Shape of every tensor, by name.</param>
    /// <param name="hints">What else is known.</param>
    /// <param name="where">The file, for errors.</param>
    /// <exception cref="InputException">This is no plain ViT, or its attention was narrowed, which shapes cannot describe.</exception>
    public static InferredVit Infer(IReadOnlyDictionary<string, ImmutableArray<long>> shapes, VitHints hints, string where)
    {
        var patch = Shape(shapes, "patch_embed.proj.weight", 4, where);
        var positions = Shape(shapes, "pos_embed", 3, where);
        var head = Shape(shapes, "head.weight", 2, where);
        var (width, tokens) = (patch[0], positions[1]);
        var grid = (long)Math.Round(Math.Sqrt(tokens - 1));
        if (grid < 1 || grid * grid != tokens - 1)
            throw new InputException($"{where}: pos_embed has {tokens} positions, which is not a square grid plus a class "
                + "token; give a config.json.");

        var (heads, source) = HeadCount(width, hints, where);
        var depth = shapes.Keys.Select(BlockIndex).DefaultIfEmpty(-1).Max() + 1;
        return new InferredVit(new VitArchitecture
        {
            Name = hints.Name ?? $"vit_{width}x{depth}_patch{patch[2]}_{grid * patch[2]}",
            ImageSize = Narrow(grid * patch[2], where),
            PatchSize = Narrow(patch[2], where),
            Channels = Narrow(patch[1], where),
            EmbedDim = Narrow(width, where),
            Classes = Narrow(head[0], where),
            LayerNormEps = hints.LayerNormEps ?? 1e-6,
            Blocks = [.. Enumerable.Range(0, depth).Select(i => Block(shapes, i, width, heads, where))],
        }, source);
    }

    private static VitBlock Block(IReadOnlyDictionary<string, ImmutableArray<long>> shapes, int index, long width, int heads, string where)
    {
        var prefix = $"blocks.{index}.";
        var block = new VitBlock { IsLinear = shapes.ContainsKey(prefix + "linear.weight") };
        if (shapes.ContainsKey(prefix + "attn.qkv.weight"))
        {
            var rows = Shape(shapes, prefix + "attn.qkv.weight", 2, where)[0];
            if (rows != 3 * width)
                throw new InputException($"{where}: {prefix}attn.qkv.weight has {rows} rows where {3 * width} were "
                    + "expected; a narrowed attention needs the config.json that was written with it.");
            block = block with { Heads = heads, QkDim = (int)(width / heads), VDim = (int)(width / heads) };
        }
        if (shapes.ContainsKey(prefix + "mlp.fc1.weight"))
            block = block with { MlpHidden = Narrow(Shape(shapes, prefix + "mlp.fc1.weight", 2, where)[0], where) };
        return block with { MixerRank = MixerRank(shapes, prefix + "mixer.", block, where) };
    }

    private static int? MixerRank(IReadOnlyDictionary<string, ImmutableArray<long>> shapes, string prefix, VitBlock block, string where)
    {
        var hasMatrices = shapes.ContainsKey(prefix + "down.weight");
        if (!hasMatrices && !shapes.ContainsKey(prefix + "bias")) return null;
        if (!block.TakesMixer)
            throw new InputException($"{where}: {prefix}* is a token mixer, which needs a block whose attention is gone and "
                + $"whose MLP is not; this one is {block.Kind.JsonName()}.");
        return hasMatrices ? Narrow(Shape(shapes, prefix + "down.weight", 2, where)[0], where) : 0;
    }

    /// <summary>From the config, else from the timm name, else from the usual head width of 64.</summary>
    private static (int Heads, string Source) HeadCount(long width, VitHints hints, string where)
    {
        if (hints.Heads is { } stated)
            return stated > 0 && width % stated == 0 ? (stated, "config.json")
                : throw new InputException($"{where}: config.json states {stated} attention heads, which do not divide "
                    + $"the width {width}.");
        if (hints.Name is { } name && VitRegistry.Find(name) is { Architecture: var known } && known.EmbedDim == width)
            return (known.Blocks[0].Heads, $"the timm name {known.Name}");
        return width % UsualHeadDim == 0 ? ((int)(width / UsualHeadDim), $"an assumed head width of {UsualHeadDim}")
            : throw new InputException($"{where}: cannot tell the number of attention heads of width {width}; give a "
                + "config.json that states num_heads.");
    }

    private static int Narrow(long extent, string where) => extent is > 0 and <= int.MaxValue ? (int)extent
        : throw new InputException($"{where}: a tensor extent of {extent} is out of range for a Vision Transformer.");

    private static ImmutableArray<long> Shape(IReadOnlyDictionary<string, ImmutableArray<long>> shapes, string name, int rank, string where)
    {
        if (!shapes.TryGetValue(name, out var shape))
            throw new InputException(shapes.Keys.Any(k => k.Contains("embeddings.patch_embeddings", StringComparison.Ordinal))
                ? $"{where} uses Hugging Face tensor names; this version reads timm names (patch_embed.proj.weight, "
                    + "blocks.0.attn.qkv.weight, ...)."
                : $"{where} has no tensor {name}; this version reads plain ViT classifiers with timm tensor names.");
        return shape.Length == rank ? shape
            : throw new InputException($"{where}: tensor {name} has shape [{string.Join(", ", shape)}], where {rank} "
                + "dimensions were expected.");
    }

    private static int BlockIndex(string tensor) =>
        BlockName().Match(tensor) is { Success: true } match ? int.Parse(match.Groups[1].ValueSpan) : -1;

    [GeneratedRegex(@"^blocks\.(\d{1,4})\.")]
    private static partial Regex BlockName();
}
