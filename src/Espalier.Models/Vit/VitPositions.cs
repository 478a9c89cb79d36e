using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <summary>Takes a network to another image size: the positions of its patches are resampled, every other tensor stays.</summary>
public static class VitPositions
{
    /// <summary>
    /// The network for square images of another size. Positions are resampled bicubically with antialiasing, those of the tokens before the
    /// patches are kept (timm's <c>resample_abs_pos_embed</c>); so are the biases of token mixers.
    /// </summary>
    /// <param name="model">The model; it stays as it is.</param>
    /// <param name="imageSize">New side in pixels, a multiple of the patch size.</param>
    /// <exception cref="UsageException">It is no such multiple, or leaves fewer tokens than the blocks merge.</exception>
    public static VitModel ResizePositions(this VitModel model, int imageSize)
    {
        using var noGrad = new NoGrad();
        var before = model.Architecture;
        var net = before.AtImageSize(imageSize);
        var weights = model.Weights.Clone();
        if (net.Grid != before.Grid)
            foreach (var (name, prefix) in Resampled(before))
            {
                using var scope = new TensorScope();
                weights.Set(name, Resample(weights[name], prefix, net.Grid));
            }
        return new VitModel(net, model.Preprocessing with { Size = imageSize }, weights);
    }

    /// <summary>The architecture for another image size.</summary>
    /// <exception cref="UsageException">The size is no multiple of the patch size, or leaves fewer tokens than the blocks merge.</exception>
    public static VitArchitecture AtImageSize(this VitArchitecture net, int imageSize)
    {
        var suits = imageSize > 0 && imageSize % net.PatchSize == 0;
        var resized = suits ? net with { ImageSize = imageSize } : net;
        var fault = suits ? resized.CheckMerging() : $"give a multiple of its patch size, {net.PatchSize}.";
        return fault is null ? resized : throw new UsageException($"An image size of {imageSize} does not suit {net.Name}: {fault}");
    }

    /// <summary>What has a row for every position, and how many of the first rows are no patches'.</summary>
    private static IEnumerable<(string Name, int Prefix)> Resampled(VitArchitecture net)
    {
        if (net.Positions > 0) yield return ("pos_embed", net.Positions - net.Patches);
        for (var i = 0; i < net.Depth; i++)
            if (net.Blocks[i].HasMixer) yield return ($"blocks.{i}.mixer.bias", net.PrefixTokens);
    }

    /// <summary>Rows [.., prefix + g², D] to [.., prefix + grid², D].</summary>
    private static Tensor Resample(Tensor rows, long prefix, long grid)
    {
        var (count, width, dim) = (rows.Size(-2) - prefix, rows.Size(-1), rows.Shape.Length - 2);
        var side = (long)Math.Round(Math.Sqrt(count));
        var patches = rows.Narrow(dim, prefix, count).To(DType.Float32).Reshape(1, side, side, width).Permute(0, 3, 1, 2);
        var resized = patches.ResizeBicubic(grid, grid).Permute(0, 2, 3, 1).Reshape([.. rows.Shape[..dim], grid * grid, width]);
        return Tensor.Cat([rows.Narrow(dim, 0, prefix), resized], dim);
    }
}
