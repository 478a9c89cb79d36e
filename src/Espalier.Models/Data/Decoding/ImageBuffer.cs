namespace Espalier.Models.Data;

/// <summary>
/// A decoded image: 8 bits a sample, rows from the top, samples of a pixel together (HWC); 1 channel is grey, 3 are RGB.
/// </summary>
public sealed class ImageBuffer
{
    /// <summary>Wraps <paramref name="pixels"/> without a copy; its length is width × height × channels.</summary>
    public ImageBuffer(int width, int height, int channels, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (channels is not (1 or 3)) throw new ArgumentOutOfRangeException(nameof(channels), channels, "1 (grey) or 3 (RGB)");
        if (pixels.LongLength != (long)width * height * channels)
            throw new ArgumentException($"{pixels.LongLength} bytes for {width}×{height}×{channels}", nameof(pixels));
        (Width, Height, Channels, Pixels) = (width, height, channels, pixels);
    }

    /// <summary>Columns, in pixels.</summary>
    public int Width { get; }

    /// <summary>Rows, in pixels.</summary>
    public int Height { get; }

    /// <summary>1 (grey) or 3 (RGB).</summary>
    public int Channels { get; }

    /// <summary>Height × Width × Channels samples. Buffers are shared between readers: treat as read-only.</summary>
    public byte[] Pixels { get; }

    /// <summary>
    /// This image with 1 or 3 channels, itself when it has them already. Grey to RGB repeats the sample; RGB to grey is the ITU-R
    /// 601-2 luma in Pillow's 16-bit fixed point, equal to <c>convert('L')</c>.
    /// </summary>
    public ImageBuffer WithChannels(int channels)
    {
        if (channels == Channels) return this;
        var count = Width * Height;
        var result = GC.AllocateUninitializedArray<byte>(count * channels);
        if (channels == 1)
            for (int i = 0, p = 0; i < count; i++, p += 3)
                result[i] = Luma(Pixels[p], Pixels[p + 1], Pixels[p + 2]);
        else
            for (int i = 0, p = 0; i < count; i++, p += 3)
                result[p] = result[p + 1] = result[p + 2] = Pixels[i];
        return new(Width, Height, channels, result);
    }

    /// <summary>ITU-R 601-2 luma, rounded as Pillow rounds it.</summary>
    internal static byte Luma(byte r, byte g, byte b) => (byte)((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16);
}
