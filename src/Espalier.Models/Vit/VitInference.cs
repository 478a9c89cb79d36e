using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Espalier.Models.Vit;

/// <summary>What may be known about a model besides its tensors.</summary>
/// <param name="Name">timm name, with or without tag, of the folder, the file or the config; null when there is none.</param>
/// <param name="Heads">Attention heads that a config states; null when there is none.</param>
/// <param name="LayerNormEps">LayerNorm epsilon that a config states; null means the named network's, else timm's 1e-6 (1e-5 with norm_pre).</param>
/// <param name="Pool">What the head reads, as a config states it; null when there is none.</param>
/// <param name="ImageSize">Input side that a config states; only a Swin, which has no position embedding, needs it.</param>
public sealed record VitHints(string? Name = null, int? Heads = null, double? LayerNormEps = null, Pooling? Pool = null, int? ImageSize = null);

/// <summary>An inferred architecture.</summary>
/// <param name="Architecture">The architecture.</param>
/// <param name="HeadCountSource">What the head count rests on, in words: shapes alone cannot tell it.</param>
public sealed record InferredVit(VitArchitecture Architecture, string HeadCountSource);

/// <summary>Reads a Vision Transformer's architecture off the shapes of its tensors (timm names of files), compressed or not.</summary>
public static partial class VitInference
{
    private const int UsualHeadDim = 64, HugeWidth = 1280, HugeHeadDim = 80;

    /// <summary>
    /// Infers the architecture, with its tokens, norms and scales; blocks that lost their attention or MLP, got a token mixer, or have a
    /// narrower MLP, are recognised.
    /// </summary>
    /// <param name="shapes">Shape of every tensor, by name.</param>
    /// <param name="hints">What else is known.</param>
    /// <param name="where">The file, for errors.</param>
    /// <exception cref="InputException">This is no plain ViT, or its attention was narrowed, which shapes cannot describe.</exception>
    public static InferredVit Infer(IReadOnlyDictionary<string, ImmutableArray<long>> shapes, VitHints hints, string where) =>
        shapes.FirstOrDefault(t => t.Value.Contains(0)) is { Key: { } empty } ? throw new InputException($"{where}: tensor {empty} is empty, which no network's is.")
        : new Reading(shapes, hints, where).Infer() is var inferred && VitLimits.Fault(inferred.Architecture) is { } fault ? throw new InputException($"{where}: {fault}")
        : inferred;

    private sealed partial class Reading(IReadOnlyDictionary<string, ImmutableArray<long>> shapes, VitHints hints, string where)
    {
        private readonly VitArchitecture? _known = hints.Name is { } name ? VitRegistry.Find(name)?.Architecture : null;

        public InferredVit Infer()
        {
            var patch = Shape("patch_embed.proj.weight", 4);
            if (patch[2] != patch[3]) throw new InputException($"{where}: patches of {patch[2]}×{patch[3]} pixels are not supported; only square ones are.");
            if (shapes.ContainsKey("patch_embed.norm.weight")) return Staged(patch);
            var width = patch[0];
            var (heads, source) = HeadCount(width);
            var depth = shapes.Keys.Select(BlockIndex).DefaultIfEmpty(-1).Max() + 1;
            var (cls, dist) = (shapes.ContainsKey("cls_token"), shapes.ContainsKey("dist_token"));
            var registers = shapes.ContainsKey("reg_token") ? Narrow(Shape("reg_token", 3)[1]) : 0;
            var (grid, embedPrefix) = Positions((cls ? 1 : 0) + (dist ? 1 : 0) + registers);
            var preNorm = shapes.ContainsKey("norm_pre.weight");
            var fcNorm = shapes.ContainsKey("fc_norm.weight");
            var classes = Classes(width);
            return new InferredVit(new VitArchitecture
            {
                Name = hints.Name ?? $"vit_{width}x{depth}_patch{patch[2]}_{grid * patch[2]}",
                ImageSize = Narrow(grid * patch[2]),
                PatchSize = Narrow(patch[2]),
                Channels = Narrow(patch[1]),
                EmbedDim = Narrow(width),
                Classes = classes,
                LayerNormEps = hints.LayerNormEps ?? Known(width)?.LayerNormEps ?? (preNorm ? 1e-5 : 1e-6),
                ClassToken = cls,
                DistToken = dist,
                DistHead = shapes.ContainsKey("head_dist.weight"),
                RegTokens = registers,
                EmbedPrefix = embedPrefix,
                Pool = fcNorm || !cls ? Pooling.Average : hints.Pool ?? Pooling.Token,
                FcNorm = fcNorm,
                PreNorm = preNorm,
                PatchBias = shapes.ContainsKey("patch_embed.proj.bias"),
                Blocks = [.. Enumerable.Range(0, depth).Select(i => Block($"blocks.{i}.", width, heads))],
            }, source);
        }

        private VitArchitecture? Known(long width) => _known?.EmbedDim == width ? _known : null;

        /// <summary>Patches along a side, and whether the tokens before them have positions: whichever leaves a square.</summary>
        private (long Grid, bool EmbedPrefix) Positions(int prefix)
        {
            var count = Shape("pos_embed", 3)[1];
            var (with, without) = (Root(count - prefix), Root(count));
            // Both are squares for a few tiny grids; registers have no positions in timm's networks, other tokens have.
            if (with is { } grid && (without is null || prefix < 3)) return (grid, true);
            if (without is { } bare) return (bare, prefix == 0);
            throw new InputException($"{where}: pos_embed has {count} positions, which is not a square grid, with or without {prefix} for other "
                + "tokens; give a config.json.");

            static long? Root(long square)
            {
                var root = (long)Math.Round(Math.Sqrt(Math.Max(0, square)));
                return root > 0 && root * root == square ? root : null;
            }
        }

        /// <summary>0 when there is no head: networks of self-supervised training come without.</summary>
        private int Classes(long width, string name = "head.weight")
        {
            if (!shapes.ContainsKey(name)) return 0;
            var head = Shape(name, 2);
            return head[1] != 2 * width ? Narrow(head[0])
                : throw new InputException($"{where}: its head reads class token and mean of the patches side by side (DINOv2's classifiers), which is "
                    + "not supported; leave the head out and finetune a new one.");
        }

        private VitBlock Block(string prefix, long width, int heads)
        {
            var block = new VitBlock { IsLinear = shapes.ContainsKey(prefix + "linear.weight") };
            if (shapes.ContainsKey(prefix + "attn.qkv.weight"))
            {
                var rows = Shape(prefix + "attn.qkv.weight", 2)[0];
                if (heads == 0) throw new InputException($"{where}: {prefix}attn.* lacks the relative_position_bias_table of windows.");
                if (rows != 3 * width)
                    throw new InputException($"{where}: {prefix}attn.qkv.weight has {rows} rows where {3 * width} were "
                        + "expected; a narrowed attention needs the config.json that was written with it.");
                block = block with
                {
                    Heads = heads, QkDim = (int)(width / heads), VDim = (int)(width / heads),
                    QkvBias = shapes.ContainsKey(prefix + "attn.qkv.bias"), QkNorm = shapes.ContainsKey(prefix + "attn.q_norm.weight"),
                };
            }
            if (shapes.ContainsKey(prefix + "mlp.fc1.weight"))
            {
                var (hidden, gated) = Mlp(prefix);
                block = block with { MlpHidden = hidden, GatedMlp = gated };
            }
            return block with
            {
                LayerScale = shapes.ContainsKey(prefix + "ls1.gamma") || shapes.ContainsKey(prefix + "ls2.gamma"),
                MixerRank = MixerRank(prefix + "mixer.", block),
            };
        }

        // A gated one (SwiGLU) has a gate and a value for each input of fc2.
        private (int Hidden, bool Gated) Mlp(string prefix)
        {
            var rows = Shape(prefix + "mlp.fc1.weight", 2)[0];
            return shapes.TryGetValue(prefix + "mlp.fc2.weight", out var second) && second.Length == 2 && second[1] * 2 == rows
                ? (Narrow(second[1]), true) : (Narrow(rows), false);
        }

        private int? MixerRank(string prefix, VitBlock block)
        {
            var hasMatrices = shapes.ContainsKey(prefix + "down.weight");
            if (!hasMatrices && !shapes.ContainsKey(prefix + "bias")) return null;
            if (!block.TakesMixer)
                throw new InputException($"{where}: {prefix}* is a token mixer, which needs a block whose attention is gone and "
                    + $"whose MLP is not; this one is {block.Kind.JsonName()}.");
            return hasMatrices ? Narrow(Shape(prefix + "down.weight", 2)[0]) : 0;
        }

        /// <summary>From the config, else from q/k norms, else from the timm name, else from the usual head width of 64 (80 in huge ones).</summary>
        private (int Heads, string Source) HeadCount(long width)
        {
            if (hints.Heads is { } stated)
                return stated > 0 && width % stated == 0 ? (stated, "config.json")
                    : throw new InputException($"{where}: config.json states {stated} attention heads, which do not divide "
                        + $"the width {width}.");
            var norm = shapes.Keys.FirstOrDefault(k => k.EndsWith("attn.q_norm.weight", StringComparison.Ordinal));
            if (norm is not null && Shape(norm, 1)[0] is > 0 and var dim && width % dim == 0) return ((int)(width / dim), "the width of its q/k norms");
            if (Known(width) is { } known) return (known.Blocks[0].Heads, $"the timm name {known.Name}");
            var usual = width == HugeWidth ? HugeHeadDim : UsualHeadDim;
            return width % usual == 0 ? ((int)(width / usual), $"an assumed head width of {usual}")
                : throw new InputException($"{where}: cannot tell the number of attention heads of width {width}; give a "
                    + "config.json that states num_heads.");
        }

        private int Narrow(long extent) => extent is > 0 and <= int.MaxValue ? (int)extent
            : throw new InputException($"{where}: a tensor extent of {extent} is out of range for a Vision Transformer.");

        private ImmutableArray<long> Shape(string name, int rank)
        {
            if (!shapes.TryGetValue(name, out var shape))
                throw new InputException($"{where} has no tensor {name}; this version reads Vision Transformers with the tensor names of "
                    + "timm, torchvision or Hugging Face.");
            return shape.Length == rank ? shape
                : throw new InputException($"{where}: tensor {name} has shape [{string.Join(", ", shape)}], where {rank} "
                    + "dimensions were expected.");
        }
    }

    private static int BlockIndex(string tensor) =>
        BlockName().Match(tensor) is { Success: true } match ? int.Parse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture) : -1;

    [GeneratedRegex(@"^blocks\.([0-9]{1,4})\.")]
    private static partial Regex BlockName();
}
