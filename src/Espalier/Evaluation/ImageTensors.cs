using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.Evaluation;

/// <summary>Small sets of images as one tensor, for metric sets and held-out checks.</summary>
public static class ImageTensors
{
    /// <summary>All images of a set in evaluation preprocessing: [n, C, S, S], normalised.</summary>
    public static Tensor Load(ImageDataset dataset, Preprocessing preprocessing, string device = "cpu")
    {
        var transform = new EvalTransform(preprocessing);
        var size = transform.Channels * transform.Size * transform.Size;
        var pixels = new float[(long)dataset.Count * size];
        for (var i = 0; i < dataset.Count; i++)
            transform.Apply(dataset.Items[i].Load(transform.Channels), pixels.AsSpan(i * size, size));
        return Tensor.From<float>(pixels, [dataset.Count, transform.Channels, transform.Size, transform.Size], device);
    }
}
