using Espalier.Cli.Output;
using Espalier.Models.Formats;
using Espalier.Models.Vit;

namespace Espalier.Cli.Commands;

/// <summary><c>inspect</c>: reads configs and tensor shapes only, so libtorch is never loaded.</summary>
internal static class InspectHandler
{
    public static InspectResult Run(InspectOptions options)
    {
        var source = ModelSource.Open(options.Model).At(options.ImageSize);
        var (net, pixels, total) = (source.Architecture, source.Preprocessing, VitCost.Of(source.Architecture));
        return new()
        {
            Architecture = net.Name,
            Params = total.Parameters,
            MacsBudget = total.MacsBudget,
            MacsFull = total.MacsFull,
            Blocks = [.. net.Blocks.Zip(VitCost.OfBlocks(net)).Select((pair, index) => Block(index, pair.First, pair.Second))],
            Preprocessing = new(pixels.Size, pixels.Resize, pixels.CropFraction, pixels.Interpolation.ToString().ToLowerInvariant(), pixels.Mean, pixels.Std),
            Classes = net.Classes,
            EmbedDim = net.EmbedDim,
            PatchSize = net.PatchSize,
            Weights = source.IsRandom ? "random" : "file",
            HeadCount = source.HeadCountSource,
            ReadAs = source.ReadAs,
            Traits = [.. Traits(net)],
        };
    }

    /// <summary>What is other than in the original Vision Transformer.</summary>
    private static IEnumerable<string> Traits(VitArchitecture net)
    {
        if (net.Staged)
        {
            var starts = net.Stages.Add(net.Depth);
            yield return $"stages of {string.Join(", ", starts.Skip(1).Zip(starts, (next, start) => next - start))} blocks, widths {string.Join(", ", net.Stages.Select(net.WidthOf))}";
            if (net.Blocks.Select(b => b.Window).Where(w => w > 0).Distinct().ToList() is [_, ..] windows) yield return $"windows of {string.Join(" and ", windows)} tokens a side";
        }
        if (!net.ClassToken) yield return "no class token";
        if (net.DistToken) yield return net.DistHead ? "distillation token with a head of its own" : "distillation token";
        if (net.RegTokens > 0) yield return $"{net.RegTokens} registers";
        if (net.PrefixTokens > 0 && !net.EmbedPrefix) yield return "positions of patches only";
        if (net.Pool == Pooling.Average) yield return net.FcNorm ? "mean of patches, then norm" : "mean of patches";
        if (net.PreNorm) yield return "norm before the blocks";
        if (net.Blocks.Any(b => b.HasAttention && !b.QkvBias)) yield return "no q/k/v bias";
        if (net.Blocks.Any(b => b.QkNorm)) yield return "q/k norms";
        if (net.HasLayerScale) yield return "layer scale";
        if (net.Classes == 0) yield return "no head";
    }

    private static BlockResult Block(int index, VitBlock block, Cost cost) =>
        new(index, block.Kind.JsonName(), block.Heads, block.QkDim, block.VDim, block.MlpHidden, cost.Parameters, cost.MacsBudget, cost.MacsFull,
            block.MixerRank, block.TokensMerged > 0 ? block.TokensMerged : null);
}
