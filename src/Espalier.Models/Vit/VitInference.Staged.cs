using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Espalier.Models.Vit;

/// <content>Swin: stages of blocks with windows.</content>
public static partial class VitInference
{
    private sealed partial class Reading
    {
        private InferredVit Staged(ImmutableArray<long> patch)
        {
            var depths = shapes.Keys.Select(name => StagedBlockName().Match(name)).Where(m => m.Success)
                .GroupBy(m => Number(m.Groups[1]), m => Number(m.Groups[2])).ToDictionary(g => g.Key, g => g.Max() + 1);
            if (depths.Count == 0 || depths.Keys.Max() + 1 != depths.Count)
                throw new InputException($"{where} lacks blocks of a stage: its tensors name the stages {string.Join(", ", depths.Keys.Order())}.");
            if (VitLimits.TooDeep(depths.Values.Sum(d => (long)d)) is { } fault) throw new InputException($"{where}: {fault}");
            var blocks = ImmutableArray.CreateBuilder<VitBlock>();
            var width = patch[0];
            for (var stage = 0; stage < depths.Count; stage++)
            {
                if (stage > 0) width = Shape($"layers.{stage}.downsample.reduction.weight", 2)[0];
                for (var i = 0; i < depths[stage]; i++)
                    blocks.Add(StagedBlock($"layers.{stage}.blocks.{i}.", width, isShifted: i % 2 == 1) with { DownsampleDim = stage > 0 && i == 0 ? Narrow(width) : 0 });
            }
            var known = Known(patch[0]);
            var window = blocks.Max(b => b.Window);
            // As all published networks: the last stage is one window.
            var image = hints.ImageSize ?? known?.ImageSize ?? Narrow(patch[2] * Math.Max(1, window) << (depths.Count - 1));
            return new InferredVit(new VitArchitecture
            {
                Name = hints.Name ?? $"swin_{patch[0]}x{blocks.Count}_patch{patch[2]}_window{window}_{image}",
                ImageSize = image % patch[2] == 0 ? image : throw new InputException($"{where}: an image side of {image} pixels is no multiple of the patch's {patch[2]}."),
                PatchSize = Narrow(patch[2]),
                Channels = Narrow(patch[1]),
                EmbedDim = Narrow(patch[0]),
                Classes = Classes(width, "head.fc.weight"),
                LayerNormEps = hints.LayerNormEps ?? known?.LayerNormEps ?? 1e-5,
                ClassToken = false,
                Pool = Pooling.Average,
                PatchBias = shapes.ContainsKey("patch_embed.proj.bias"),
                Staged = true,
                Blocks = blocks.ToImmutable(),
            }, "the relative position biases");
        }

        // Heads and window from the table of biases, [(2·window − 1)², heads].
        private VitBlock StagedBlock(string prefix, long width, bool isShifted)
        {
            const string Table = "attn.relative_position_bias_table";
            if (!shapes.ContainsKey(prefix + Table)) return Block(prefix, width, heads: 0);
            var table = Shape(prefix + Table, 2);
            var side = (long)Math.Round(Math.Sqrt(table[0]));
            if (side * side != table[0] || side % 2 == 0 || width % table[1] != 0)
                throw new InputException($"{where}: {prefix}{Table} has shape [{table[0]}, {table[1]}], which no square window with heads of equal width has.");
            var window = Narrow((side + 1) / 2);
            return Block(prefix, width, Narrow(table[1])) with { Window = window, Shift = isShifted ? window / 2 : 0 };
        }

        private static int Number(Group digits) => int.Parse(digits.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"^layers\.([0-9]{1,4})\.blocks\.([0-9]{1,4})\.")]
    private static partial Regex StagedBlockName();
}
