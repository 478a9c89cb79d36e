using Espalier.Models.Formats;

namespace Espalier.Models.Data;

/// <summary>
/// Reads JPEG, PNG, WebP and BMP files, told apart by their first bytes and not by their names, with the pixels that Pillow's
/// <c>Image.open(file).convert('RGB')</c> gives: palettes and greys are expanded, alpha is dropped, CMYK is converted as Adobe
/// stores it. The EXIF orientation is not applied, because the pipelines the published models were trained with do not apply it.
/// The one deliberate difference: 16-bit grey PNGs keep their high byte, where Pillow turns almost all of them white.
/// </summary>
public static class ImageReader
{
    /// <summary>Images with more pixels are refused before anything is allocated; the limit is Pillow's.</summary>
    public const long MaxPixels = 178_956_970;

    private const long MaxFileBytes = 1L << 30;

    /// <summary>Reads one file as <paramref name="channels"/> = 3 (RGB) or 1 (grey).</summary>
    /// <exception cref="InputException">Missing, unreadable, empty, truncated, corrupt, too large, or not an image of these
    /// kinds.</exception>
    public static ImageBuffer Read(string path, int channels = 3) => Decode(SmallFile.ReadBytes(path, MaxFileBytes), path, channels);

    /// <summary>Decodes the bytes of one file; <paramref name="name"/> is what error messages call it.</summary>
    /// <exception cref="InputException">As for <see cref="Read"/>.</exception>
    public static ImageBuffer Decode(ReadOnlySpan<byte> bytes, string name, int channels = 3)
    {
        if (bytes.IsEmpty) throw new InputException($"{name}: the file is empty.");
        try
        {
            return DecodeNative(bytes).WithChannels(channels);
        }
        catch (ImageFormatException e)
        {
            throw new InputException($"{name}: {e.Message}", e);
        }
        catch (DllNotFoundException e)
        {
            throw new FailureException(
                $"{name}: the system library that decodes it is missing; install it with: apt-get install libturbojpeg0 libwebp7", e);
        }
    }

    private static ImageBuffer DecodeNative(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [0xFF, 0xD8, 0xFF, ..] => JpegDecoder.Decode(bytes),
        [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => PngDecoder.Decode(bytes),
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] =>
            WebpDecoder.Decode(bytes),
        [(byte)'B', (byte)'M', ..] => BmpDecoder.Decode(bytes),
        _ => throw new ImageFormatException("not a JPEG, PNG, WebP or BMP image."),
    };
}
