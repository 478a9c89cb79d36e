namespace Espalier.Models.Data;

/// <summary>
/// Training augmentation for small images (28 × 28, 32 × 32): zero padding of <see cref="Padding"/> pixels on each side, a random
/// crop of the model's size, a horizontal flip, normalise, random erasing. An image of another size is first cut to its central
/// square and resized.
/// </summary>
public sealed class PaddedCropTransform : IImageTransform
{
    private readonly double flip;
    private readonly RandomErasing? erasing;
    private readonly Interpolation filter;
    private readonly Normalization normalization;

    /// <param name="preprocessing">Size, filter, mean and deviation of the model.</param>
    /// <param name="padding">Pixels on each side, from 0.</param>
    /// <param name="flip">Probability of a horizontal flip.</param>
    /// <param name="erasing">Null for none.</param>
    /// <exception cref="InputException">The preprocessing or the padding cannot be used.</exception>
    public PaddedCropTransform(Preprocessing preprocessing, int padding = 2, double flip = 0.5, RandomErasing? erasing = null)
    {
        if (preprocessing.Size <= 0) throw new InputException($"Preprocessing has an input size of {preprocessing.Size}.");
        if (padding < 0) throw new InputException($"A padding of {padding} pixels; it must be at least 0.");
        (Size, Padding, this.flip, this.erasing, filter)
            = (preprocessing.Size, padding, flip, erasing, preprocessing.Interpolation);
        normalization = new(preprocessing.Mean, preprocessing.Std);
    }

    public int Channels => normalization.Channels;

    public int Size { get; }

    /// <summary>Pixels added on each side.</summary>
    public int Padding { get; }

    public void Apply(ImageBuffer image, SeededRandom random, Span<float> destination)
    {
        image = Fit(image.WithChannels(Channels));
        destination = destination[..(Channels * Size * Size)];
        int dx = random.NextInt(0, 2 * Padding) - Padding, dy = random.NextInt(0, 2 * Padding) - Padding;
        var mirrored = random.NextBool(flip);
        for (var c = 0; c < Channels; c++)
            for (var y = 0; y < Size; y++)
                CopyRow(image, c, y + dy, dx, mirrored, destination.Slice((c * Size + y) * Size, Size));
        erasing?.Apply(destination, Channels, Size, Size, random);
    }

    // Column x of the result is column x + dx of the image, zero outside of it; a mirrored row is filled from its end.
    private void CopyRow(ImageBuffer image, int channel, int sourceY, int dx, bool mirrored, Span<float> row)
    {
        var table = normalization.Table(channel);
        row.Fill(table[0]);
        if (sourceY < 0 || sourceY >= Size) return;

        int first = Math.Max(0, -dx), end = Math.Min(Size, Size - dx), step = Channels;
        var source = image.Pixels.AsSpan(sourceY * Size * step + channel);
        if (mirrored)
            for (int x = first, p = (first + dx) * step; x < end; x++, p += step) row[Size - 1 - x] = table[source[p]];
        else
            for (int x = first, p = (first + dx) * step; x < end; x++, p += step) row[x] = table[source[p]];
    }

    private ImageBuffer Fit(ImageBuffer image)
    {
        if (image.Width == Size && image.Height == Size) return image;
        var side = Math.Min(image.Width, image.Height);
        return Resampler.Resize(image, Size, Size, filter, new((image.Width - side) / 2, (image.Height - side) / 2, side, side));
    }
}
