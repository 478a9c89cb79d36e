namespace Espalier.Models.Data;

/// <summary>What is wrong with the bytes of one image; <see cref="ImageReader"/> adds the file's name.</summary>
internal sealed class ImageFormatException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Refuses sizes that are empty or over <see cref="ImageReader.MaxPixels"/>; call it before allocating.</summary>
    public static void CheckSize(long width, long height)
    {
        if (width <= 0 || height <= 0 || width > int.MaxValue || height > int.MaxValue)
            throw new ImageFormatException($"the image claims to be {width}×{height} pixels.");
        if (width * height > ImageReader.MaxPixels)
            throw new ImageFormatException($"{width}×{height} pixels is over the limit of {ImageReader.MaxPixels}.");
    }
}
