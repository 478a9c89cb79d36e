using System.Buffers;

namespace Espalier.Models.Data;

/// <summary>
/// The evaluation pipeline of timm and torchvision: shortest side to <see cref="Preprocessing.Resize"/> (the other to
/// ⌊resize · long / short⌋; both to it when squashing), centre crop (borders rounded half to even, zero padding when the image is smaller), normalise.
/// </summary>
public sealed class EvalTransform : IImageTransform
{
    private readonly Preprocessing preprocessing;
    private readonly Normalization normalization;

    /// <exception cref="InputException">The preprocessing's numbers cannot be used.</exception>
    public EvalTransform(Preprocessing preprocessing)
    {
        if (preprocessing.Size <= 0) throw new InputException($"Preprocessing has an input size of {preprocessing.Size}.");
        if (!(preprocessing.CropFraction > 0))
            throw new InputException($"Preprocessing has a crop fraction of {preprocessing.CropFraction}.");
        this.preprocessing = preprocessing;
        normalization = new(preprocessing.Mean, preprocessing.Std);
    }

    public int Channels => normalization.Channels;

    public int Size => preprocessing.Size;

    /// <summary>Channels × Size × Size floats into <paramref name="destination"/>.</summary>
    public void Apply(ImageBuffer image, Span<float> destination)
    {
        var length = Channels * Size * Size;
        var scratch = ArrayPool<byte>.Shared.Rent(length);
        ResizeAndCrop(image.WithChannels(Channels), scratch.AsSpan(0, length));
        normalization.Apply(scratch.AsSpan(0, length), destination[..length]);
        ArrayPool<byte>.Shared.Return(scratch);
    }

    void IImageTransform.Apply(ImageBuffer image, SeededRandom random, Span<float> destination) => Apply(image, destination);

    private void ResizeAndCrop(ImageBuffer image, Span<byte> result)
    {
        var (width, height) = preprocessing.Squash
            ? (preprocessing.Resize, preprocessing.Resize)
            : ResizedShape(image.Width, image.Height, preprocessing.Resize);
        var (left, targetX, cropWidth) = CenterCrop(width, Size);
        var (top, targetY, cropHeight) = CenterCrop(height, Size);
        var window = new PixelBox(left, top, cropWidth, cropHeight);
        if (cropWidth == Size && cropHeight == Size)
        {
            Resampler.Resize(image, PixelBox.Whole(image), width, height, window, preprocessing.Interpolation, result);
            return;
        }

        var part = new byte[cropWidth * cropHeight * Channels];
        Resampler.Resize(image, PixelBox.Whole(image), width, height, window, preprocessing.Interpolation, part);
        result.Clear();
        for (var y = 0; y < cropHeight; y++)
        {
            var row = part.AsSpan(y * cropWidth * Channels, cropWidth * Channels);
            row.CopyTo(result[(((targetY + y) * Size + targetX) * Channels)..]);
        }
    }

    /// <summary>
    /// Width and height after the shortest side became <paramref name="shortest"/>; the other side is rounded down.
    /// </summary>
    public static (int Width, int Height) ResizedShape(int width, int height, int shortest)
    {
        var longest = (int)((double)((long)shortest * Math.Max(width, height)) / Math.Min(width, height));
        return width <= height ? (shortest, longest) : (longest, shortest);
    }

    /// <summary>Where the crop starts in the image, where it lands in the result, and how long it is, along one axis.</summary>
    internal static (int Source, int Target, int Length) CenterCrop(int length, int size) => length >= size
        ? ((int)Math.Round((length - size) / 2.0, MidpointRounding.ToEven), 0, size)
        : (0, (size - length) / 2, length);
}
