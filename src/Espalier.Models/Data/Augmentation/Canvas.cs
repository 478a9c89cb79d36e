using System.Buffers;

namespace Espalier.Models.Data;

/// <summary>
/// An image being augmented: HWC bytes with a second buffer of the same size, so that a chain of operations allocates nothing.
/// Dispose it to give both buffers back.
/// </summary>
public sealed class Canvas : IDisposable
{
    private const int Slack = 4;

    private byte[] front, back;

    /// <summary>A canvas with arbitrary content; <paramref name="channels"/> is 1 or 3.</summary>
    public Canvas(int width, int height, int channels)
    {
        (Width, Height, Channels) = (width, height, channels);
        front = ArrayPool<byte>.Shared.Rent(Length + Slack);
        back = ArrayPool<byte>.Shared.Rent(Length + Slack);
    }

    /// <summary>A canvas with a copy of <paramref name="image"/>.</summary>
    public Canvas(ImageBuffer image) : this(image.Width, image.Height, image.Channels) => image.Pixels.CopyTo(Pixels);

    public int Width { get; }

    public int Height { get; }

    public int Channels { get; }

    /// <summary>The image: Height × Width × Channels samples.</summary>
    public Span<byte> Pixels => front.AsSpan(0, Length);

    /// <summary>Room for the next image; <see cref="Swap"/> makes it the image.</summary>
    public Span<byte> Spare => back.AsSpan(0, Length);

    /// <summary>The image and a few bytes behind it, so that the last pixel, too, can be read as one word.</summary>
    internal ReadOnlySpan<byte> PaddedPixels => front.AsSpan(0, Length + Slack);

    private int Length => Width * Height * Channels;

    public void Swap() => (front, back) = (back, front);

    /// <summary>The image as an <see cref="ImageBuffer"/> of its own.</summary>
    public ImageBuffer ToImage() => new(Width, Height, Channels, Pixels.ToArray());

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(front);
        ArrayPool<byte>.Shared.Return(back);
        front = back = [];
    }

    /// <summary>Mirrors left and right.</summary>
    public void FlipHorizontally()
    {
        for (var y = 0; y < Height; y++)
        {
            var row = Pixels.Slice(y * Width * Channels, Width * Channels);
            row.Reverse();
            if (Channels == 3)
                for (var p = 0; p < row.Length; p += 3) (row[p], row[p + 2]) = (row[p + 2], row[p]);
        }
    }
}
