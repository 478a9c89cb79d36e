using Espalier.Models.Formats;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Espalier.Models.Data;

/// <summary>
/// What the chunks of a PNG file say: the header's fields, the palette, and the compressed image data put together.
/// </summary>
internal sealed record PngChunks(long Width, long Height, int BitDepth, int ColorType, bool Interlaced,
    byte[] Palette, byte[] Data)
{
    /// <summary>Colour types of the PNG specification, §11.2.2.</summary>
    public const int Grey = 0, Truecolour = 2, Indexed = 3, GreyAlpha = 4, TruecolourAlpha = 6;

    /// <summary>Samples a pixel in the file, alpha included.</summary>
    public int Samples => ColorType switch { Truecolour => 3, GreyAlpha => 2, TruecolourAlpha => 4, _ => 1 };

    /// <summary>Reads the chunks up to IEND and checks the critical ones' checksums.</summary>
    public static PngChunks Read(ReadOnlySpan<byte> bytes)
    {
        PngChunks? header = null;
        var palette = Array.Empty<byte>();
        using var data = new MemoryStream();
        for (var rest = bytes[8..]; ;)
        {
            // A file cut inside or behind its image data is judged by whether all rows can be decompressed.
            if (rest.Length < 12)
                return header is not null && data.Length > 0 ? Finish(header, palette, data) : throw Truncated();
            var length = ReadUInt32BigEndian(rest);
            var type = rest.Slice(4, 4);
            if (length > rest.Length - 12)
            {
                if (header is null || !type.SequenceEqual("IDAT"u8)) throw Truncated();
                data.Write(rest[8..]);
                return Finish(header, palette, data);
            }

            var body = rest.Slice(8, (int)length);
            var critical = (type[0] & 0x20) == 0;
            if (critical && Crc32.Of(rest.Slice(4, (int)length + 4)) != ReadUInt32BigEndian(rest[(8 + (int)length)..]))
                throw new ImageFormatException("the PNG file is corrupt: a checksum does not match.");
            if (type.SequenceEqual("IHDR"u8)) header = ReadHeader(body, bytes.Length);
            else if (type.SequenceEqual("PLTE"u8)) palette = body.ToArray();
            else if (type.SequenceEqual("IDAT"u8)) data.Write(body);
            else if (type.SequenceEqual("IEND"u8)) return Finish(header ?? throw Truncated(), palette, data);
            if (header is null) throw new ImageFormatException("the PNG file does not begin with its header.");
            rest = rest[(12 + (int)length)..];
        }
    }

    private static PngChunks Finish(PngChunks header, byte[] palette, MemoryStream data)
    {
        if (data.Length == 0) throw new ImageFormatException("the PNG file has no image data.");
        if (header.ColorType == Indexed && palette.Length == 0) throw new ImageFormatException("the PNG file lacks its palette.");
        return header with { Palette = palette, Data = data.ToArray() };
    }

    private static PngChunks ReadHeader(ReadOnlySpan<byte> body, int fileLength)
    {
        if (body.Length != 13) throw new ImageFormatException("the PNG header is corrupt.");
        long width = ReadUInt32BigEndian(body), height = ReadUInt32BigEndian(body[4..]);
        ImageFormatException.CheckSize(width, height, fileLength);
        int depth = body[8], type = body[9];
        var valid = type switch
        {
            Grey => depth is 1 or 2 or 4 or 8 or 16,
            Indexed => depth is 1 or 2 or 4 or 8,
            Truecolour or GreyAlpha or TruecolourAlpha => depth is 8 or 16,
            _ => false,
        };
        if (!valid || body[10] != 0 || body[11] != 0 || body[12] > 1)
            throw new ImageFormatException("the PNG header asks for something the format does not have.");
        return new(width, height, depth, type, body[12] == 1, [], []);
    }

    private static ImageFormatException Truncated() => new("the PNG file is truncated.");
}
