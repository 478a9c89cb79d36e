using Espalier.Evaluation;
using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.MetricSets;

/// <summary>
/// How the published code stores and reloads its synthetic images (§3, §11-4): stretched to the full range per image, JPEG, then
/// resized by 256/224, cropped and normalised with ImageNet's statistics.
/// </summary>
internal static class LossyStorage
{
    private const int Quality = 75;

    /// <summary>[n, C, S, S] normalised images as they come back from that storage.</summary>
    internal static Tensor RoundTrip(Tensor images, Preprocessing preprocessing)
    {
        var shape = images.Shape;
        var values = images.ToArray<float>();
        int channels = (int)shape[1], side = (int)shape[2];
        var size = channels * side * side;
        var stored = Enumerable.Range(0, (int)shape[0]).Select(i =>
        {
            var jpeg = JpegWriter.Encode(Stretch(values.AsSpan(i * size, size), channels, side), Quality);
            return (ImageItem)new ImageMemoryItem($"{i}", null, ImageReader.Decode(jpeg, $"synthetic image {i}", channels));
        });
        var loading = preprocessing with
        {
            CropFraction = 224.0 / 256,
            Interpolation = Interpolation.Bilinear,
            Mean = channels == 3 ? Preprocessing.ImageNetMean : preprocessing.Mean,
            Std = channels == 3 ? Preprocessing.ImageNetStd : preprocessing.Std,
        };
        return ImageTensors.Load(new ImageDataset("stored synthetic images", [.. stored]), loading, images.Device);
    }

    private static ImageBuffer Stretch(ReadOnlySpan<float> image, int channels, int side)
    {
        float low = float.MaxValue, high = float.MinValue;
        foreach (var v in image) (low, high) = (Math.Min(low, v), Math.Max(high, v));
        var pixels = new byte[image.Length];
        var plane = side * side;
        for (var c = 0; c < channels; c++)
            for (var p = 0; p < plane; p++)
                pixels[p * channels + c] = (byte)Math.Round(255 * (image[c * plane + p] - low) / Math.Max(high - low, 1e-12f));
        return new ImageBuffer(side, side, channels, pixels);
    }
}
