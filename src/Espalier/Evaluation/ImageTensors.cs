using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.Evaluation;

/// <summary>Small sets of images as one tensor, for metric sets and held-out checks.</summary>
public static class ImageTensors
{
    /// <summary>All images of a set in evaluation preprocessing: [n, C, S, S], normalised.</summary>
    public static Tensor Load(ImageDataset dataset, Preprocessing preprocessing, string device = "cpu") =>
        Load(dataset, new EvalTransform(preprocessing), seed: 0, device);

    /// <summary>All images of a set under any transform; each image has a random stream of its own: [n, C, S, S].</summary>
    public static Tensor Load(ImageDataset dataset, IImageTransform transform, ulong seed, string device)
    {
        var size = transform.Channels * transform.Size * transform.Size;
        var pixels = new float[Floats(dataset.Count, transform.Channels, transform.Size)];
        for (var i = 0; i < dataset.Count; i++)
            transform.Apply(dataset.Items[i].Load(transform.Channels), new SeededRandom(seed, dataset.Items[i].Id), pixels.AsSpan(i * size, size));
        return Tensor.From<float>(pixels, [dataset.Count, transform.Channels, transform.Size, transform.Size], device);
    }

    /// <summary>Numbers in so many images.</summary>
    /// <exception cref="UsageException">One array cannot hold them.</exception>
    internal static int Floats(int images, int channels, int size) =>
        (long)images * channels * size * size is var floats && floats <= Array.MaxLength ? (int)floats
            : throw new UsageException($"{images} images of {size}×{size} pixels at a time are more than one array can hold; give a smaller batch.") { Settings = ["Batch"] };
}
