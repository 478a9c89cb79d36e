using Espalier.Cli.Output;
using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.Models.Vit;

namespace Espalier.Cli.Commands;

/// <summary><c>inspect</c>: reads configs and tensor shapes only, so libtorch is never loaded.</summary>
internal static class InspectHandler
{
    public static InspectResult Run(InspectOptions options)
    {
        var source = ModelSource.Open(options.Model).At(options.ImageSize);
        var (net, pixels, total) = (source.Architecture, source.Preprocessing, source.Architecture.Cost());
        return new()
        {
            Architecture = net.Name,
            Params = total.Parameters,
            MacsBudget = total.MacsBudget,
            MacsFull = total.MacsFull,
            Blocks = [.. net.BlockFacts().Select((block, index) => Block(index, block))],
            Preprocessing = new(pixels.Size, pixels.Resize, pixels.CropFraction, pixels.Interpolation.ToString().ToLowerInvariant(), pixels.Mean, pixels.Std),
            Classes = net.Classes,
            EmbedDim = net.Features,
            PatchSize = (net as VitArchitecture)?.PatchSize,
            Weights = source.IsRandom ? "random" : "file",
            HeadCount = source.HeadCountSource,
            ReadAs = source.ReadAs,
            Traits = [.. net.Traits()],
        };
    }

    private static BlockResult Block(int index, BlockFacts block) =>
        new(index, block.Kind, block.Heads, block.QkDim, block.VDim, block.MlpHidden, block.Cost.Parameters, block.Cost.MacsBudget, block.Cost.MacsFull,
            block.MixerRank, block.TokensMerged) { Inputs = block.Inputs, Hidden = block.Hidden, Outputs = block.Outputs, Stride = block.Stride };
}
