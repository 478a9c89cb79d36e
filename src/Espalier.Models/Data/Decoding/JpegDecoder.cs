using System.Buffers.Binary;

namespace Espalier.Models.Data;

/// <summary>JPEG through libjpeg-turbo, with its default (accurate) DCT and smooth chroma upsampling.</summary>
internal static unsafe class JpegDecoder
{
    private const int ColorspaceGray = 2, ColorspaceCmyk = 3, ColorspaceYcck = 4;
    // Each scan goes over the whole image again; encoders make ten.
    private const int MostScans = 100;
    private const string Premature = "Premature end of JPEG file";

    public static ImageBuffer Decode(ReadOnlySpan<byte> bytes)
    {
        if (Scans(bytes) > MostScans) throw new ImageFormatException($"the JPEG file has more than {MostScans} scans, which no image needs.");
        var handle = TurboJpeg.InitDecompress();
        if (handle == 0) throw new ImageFormatException("libjpeg-turbo could not be started.");
        try
        {
            var image = Decode(handle, bytes, out var warning);
            if (!warning.StartsWith(Premature, StringComparison.Ordinal)) return image;

            // All rows may be there and only the end marker gone, which is harmless: with the marker put back, does
            // the complaint stay?
            image = Decode(handle, [.. bytes, 0xFF, 0xD9], out warning);
            return warning.Length == 0 ? image : throw new ImageFormatException("the JPEG file is truncated.");
        }
        finally
        {
            TurboJpeg.Destroy(handle);
        }
    }

    // Goes from marker to marker as the decoder does: what lies in a segment (thumbnails) or behind the end (a phone's video) is no scan of this image.
    private static int Scans(ReadOnlySpan<byte> bytes)
    {
        const byte Mark = 0xFF, Stuffed = 0x00, Standalone = 0x01, FirstRestart = 0xD0, Start = 0xD8, End = 0xD9, StartOfScan = 0xDA;
        var scans = 0;
        for (var i = 0; i < bytes.Length;)
        {
            var next = bytes[i..].IndexOf(Mark);
            if (next < 0 || (i += next) + 3 >= bytes.Length || bytes[i + 1] == End) break;
            var marker = bytes[i + 1];
            if (marker == StartOfScan) scans++;
            i += marker switch
            {
                Mark => 1,
                Stuffed or Standalone or (>= FirstRestart and <= Start) => 2,
                _ => 2 + BinaryPrimitives.ReadUInt16BigEndian(bytes[(i + 2)..]),
            };
        }
        return scans;
    }

    private static ImageBuffer Decode(nint handle, ReadOnlySpan<byte> bytes, out string warning)
    {
        fixed (byte* data = bytes)
        {
            // The header call also fails on unusual chroma layouts that the decoder itself can read, after it has
            // filled in the size.
            int width = 0, height = 0, colorspace = -1;
            var status = TurboJpeg.DecompressHeader3(handle, data, (nuint)bytes.Length, &width, &height, out _, &colorspace);
            if (status != 0 && (width <= 0 || height <= 0 || colorspace < 0)) throw Corrupt(handle);
            ImageFormatException.CheckSize(width, height, bytes.Length);

            var (format, samples) = colorspace switch
            {
                ColorspaceGray => (TurboJpeg.FormatGray, 1),
                ColorspaceCmyk or ColorspaceYcck => (TurboJpeg.FormatCmyk, 4),
                _ => (TurboJpeg.FormatRgb, 3),
            };
            var pixels = GC.AllocateUninitializedArray<byte>(checked(width * height * samples));
            fixed (byte* destination = pixels)
                status = TurboJpeg.Decompress2(handle, data, (nuint)bytes.Length, destination, width, 0, height, format, 0);

            // Warnings (stray bytes, a bad restart marker) leave a usable image, which other readers show too.
            if (status != 0 && TurboJpeg.GetErrorCode(handle) != TurboJpeg.Warning) throw Corrupt(handle);
            warning = status == 0 ? "" : TurboJpeg.ErrorText(handle);
            return samples == 4 ? FromCmyk(width, height, pixels) : new(width, height, samples, pixels);
        }
    }

    // Adobe stores CMYK inverted, and so does every writer that matters: as in Pillow, there is no other case.
    private static ImageBuffer FromCmyk(int width, int height, byte[] cmyk)
    {
        var count = width * height;
        var rgb = GC.AllocateUninitializedArray<byte>(count * 3);
        for (int i = 0, p = 0, q = 0; i < count; i++, p += 4, q += 3)
        {
            int keep = cmyk[p + 3];
            for (var c = 0; c < 3; c++)
            {
                var product = (255 - cmyk[p + c]) * keep + 128;
                rgb[q + c] = (byte)(keep - (((product >> 8) + product) >> 8));
            }
        }
        return new(width, height, 3, rgb);
    }

    private static ImageFormatException Corrupt(nint handle) =>
        new($"the JPEG file cannot be decoded: {TurboJpeg.ErrorText(handle)}.");
}
