namespace Espalier.Models.Data;

/// <summary>What is wrong with the bytes of one image; <see cref="ImageReader"/> adds the file's name.</summary>
internal sealed class ImageFormatException(string message, Exception? inner = null) : Exception(message, inner)
{
    // A page without a mark on it has 170 pixels a byte in JPEG and a thousand in PNG; only what is made to harm has many more.
    private const long MostPixelsPerByte = 2048, FreePixels = 1 << 24;

    /// <summary>
    /// Refuses sizes that are empty, over <see cref="ImageReader.MaxPixels"/>, or far beyond what a file of <paramref name="bytes"/> can hold; call it
    /// before allocating.
    /// </summary>
    public static void CheckSize(long width, long height, long bytes)
    {
        if (width <= 0 || height <= 0 || width > int.MaxValue || height > int.MaxValue)
            throw new ImageFormatException($"the image claims to be {width}×{height} pixels.");
        if (width * height > ImageReader.MaxPixels)
            throw new ImageFormatException($"{width}×{height} pixels is over the limit of {ImageReader.MaxPixels}.");
        if (width * height > FreePixels && width * height > bytes * MostPixelsPerByte)
            throw new ImageFormatException($"the image claims to be {width}×{height} pixels, which its {bytes} bytes cannot hold.");
    }
}
