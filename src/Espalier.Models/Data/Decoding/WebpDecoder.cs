using System.Runtime.InteropServices;

namespace Espalier.Models.Data;

/// <summary>Still WebP images, lossy and lossless, through libwebp; alpha is dropped.</summary>
internal static unsafe partial class WebpDecoder
{
    private const string Library = "libwebp.so.7";

    public static ImageBuffer Decode(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* data = bytes)
        {
            int width = 0, height = 0;
            if (GetInfo(data, (nuint)bytes.Length, &width, &height) == 0)
                throw new ImageFormatException("the WebP file is truncated or corrupt.");
            ImageFormatException.CheckSize(width, height, bytes.Length);
            var pixels = GC.AllocateUninitializedArray<byte>(checked(width * height * 3));
            fixed (byte* destination = pixels)
                if (DecodeRgbInto(data, (nuint)bytes.Length, destination, (nuint)pixels.Length, width * 3) == 0)
                    throw new ImageFormatException(IsAnimated(bytes)
                        ? "animated WebP images are not supported."
                        : "the WebP file is truncated or corrupt.");
            return new(width, height, 3, pixels);
        }
    }

    // The extended header: "VP8X", its length, then flags of which bit 1 says "animation".
    private static bool IsAnimated(ReadOnlySpan<byte> bytes) =>
        bytes.Length > 20 && bytes[12..16].SequenceEqual("VP8X"u8) && (bytes[20] & 2) != 0;

    [LibraryImport(Library, EntryPoint = "WebPGetInfo")]
    private static partial int GetInfo(byte* data, nuint size, int* width, int* height);

    [LibraryImport(Library, EntryPoint = "WebPDecodeRGBInto")]
    private static partial nint DecodeRgbInto(byte* data, nuint size, byte* destination, nuint destinationSize, int stride);
}
