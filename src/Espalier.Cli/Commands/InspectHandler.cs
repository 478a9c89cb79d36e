using Espalier.Cli.Output;
using Espalier.Models.Formats;
using Espalier.Models.Vit;

namespace Espalier.Cli.Commands;

/// <summary><c>inspect</c>: reads configs and tensor shapes only, so libtorch is never loaded.</summary>
internal static class InspectHandler
{
    public static InspectResult Run(InspectOptions options)
    {
        var source = ModelSource.Open(options.Model);
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
        };
    }

    private static BlockResult Block(int index, VitBlock block, Cost cost) =>
        new(index, block.Kind.JsonName(), block.Heads, block.QkDim, block.VDim, block.MlpHidden, cost.Parameters, cost.MacsBudget, cost.MacsFull,
            block.MixerRank, block.TokensMerged > 0 ? block.TokensMerged : null);
}
