using System.Numerics;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Espalier.Models.Data;

/// <summary>
/// Uncompressed Windows and OS/2 bitmaps: palettes of 1, 4 and 8 bits, 16, 24 and 32 bits with or without channel masks,
/// bottom-up or top-down. Alpha is dropped.
/// </summary>
internal static class BmpDecoder
{
    private const int FileHeaderSize = 14, CoreHeaderSize = 12, Raw = 0, Bitfields = 3;

    public static ImageBuffer Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < FileHeaderSize + CoreHeaderSize) throw Truncated();
        var header = ReadHeader(bytes);
        ImageFormatException.CheckSize(header.Width, header.Height, bytes.Length);

        var stride = (header.Width * header.Bits + 31) / 32 * 4;
        if (header.DataOffset + stride * header.Height > bytes.Length) throw Truncated();

        int width = (int)header.Width, height = (int)header.Height;
        var pixels = GC.AllocateUninitializedArray<byte>(checked(width * height * 3));
        var palette = header.Bits <= 8 ? ReadPalette(bytes, header) : [];
        for (var y = 0; y < height; y++)
        {
            var row = header.TopDown ? y : height - 1 - y;
            var source = bytes.Slice((int)(header.DataOffset + stride * row), (int)stride);
            var target = pixels.AsSpan(y * width * 3, width * 3);
            if (header.Bits <= 8) ReadIndexed(source, target, header.Bits, palette);
            else ReadMasked(source, target, header);
        }
        return new(width, height, 3, pixels);
    }

    private static Header ReadHeader(ReadOnlySpan<byte> bytes)
    {
        long offset = ReadUInt32LittleEndian(bytes[10..]);
        var size = ReadUInt32LittleEndian(bytes[FileHeaderSize..]);
        if (size > bytes.Length - FileHeaderSize) throw Truncated();
        var info = bytes.Slice(FileHeaderSize, (int)size);
        if (size == CoreHeaderSize)
            return new Header(ReadUInt16LittleEndian(info[4..]), ReadUInt16LittleEndian(info[6..]),
                ReadUInt16LittleEndian(info[10..]),
                offset, FileHeaderSize + CoreHeaderSize, 0, 3, false, default).Checked(Raw);
        if (size is not (40 or 52 or 56 or 64 or 108 or 124))
            throw new ImageFormatException($"unknown BMP header of {size} bytes.");

        long height = ReadInt32LittleEndian(info[8..]);
        var compression = ReadUInt32LittleEndian(info[16..]);
        var masks = default(Masks);
        var paletteAt = FileHeaderSize + (int)size;
        if (compression == Bitfields)
        {
            if (bytes.Length < FileHeaderSize + 52) throw Truncated();
            var at = bytes[(FileHeaderSize + 40)..]; // inside the longer headers, right behind the 40-byte one
            masks = new(ReadUInt32LittleEndian(at), ReadUInt32LittleEndian(at[4..]), ReadUInt32LittleEndian(at[8..]));
            if (size == 40) paletteAt += 12;
        }
        return new Header(ReadInt32LittleEndian(info[4..]), Math.Abs(height), ReadUInt16LittleEndian(info[14..]),
            offset, paletteAt, ReadUInt32LittleEndian(info[32..]), 4, height < 0, masks).Checked(compression);
    }

    private static byte[] ReadPalette(ReadOnlySpan<byte> bytes, Header header)
    {
        var count = header.Colors == 0 ? 1u << header.Bits : Math.Min(header.Colors, 256u);
        if (header.PaletteAt + count * header.PaletteEntry > bytes.Length) throw Truncated();
        var palette = new byte[256 * 3];
        // Entries the file leaves out are greys, as in Pillow.
        for (var i = 0; i < 256; i++) palette.AsSpan(i * 3, 3).Fill((byte)i);
        for (var i = 0; i < count; i++)
        {
            var entry = bytes[(header.PaletteAt + i * header.PaletteEntry)..];
            (palette[i * 3], palette[i * 3 + 1], palette[i * 3 + 2]) = (entry[2], entry[1], entry[0]);
        }
        return palette;
    }

    private static void ReadIndexed(ReadOnlySpan<byte> source, Span<byte> target, int bits, byte[] palette)
    {
        var mask = (1 << bits) - 1;
        for (var x = 0; x < target.Length / 3; x++)
        {
            var bit = x * bits;
            var index = source[bit >> 3] >> (8 - bits - (bit & 7)) & mask;
            palette.AsSpan(index * 3, 3).CopyTo(target[(x * 3)..]);
        }
    }

    private static void ReadMasked(ReadOnlySpan<byte> source, Span<byte> target, Header header)
    {
        var bytesPerPixel = header.Bits / 8;
        for (var x = 0; x < target.Length / 3; x++)
        {
            var at = source.Slice(x * bytesPerPixel, bytesPerPixel);
            uint value = at[0] | (uint)at[1] << 8;
            if (bytesPerPixel > 2) value |= (uint)at[2] << 16;
            if (bytesPerPixel > 3) value |= (uint)at[3] << 24;
            target[x * 3] = Scale(value, header.Masks.Red);
            target[x * 3 + 1] = Scale(value, header.Masks.Green);
            target[x * 3 + 2] = Scale(value, header.Masks.Blue);
        }
    }

    private static byte Scale(uint value, uint mask)
    {
        var shift = BitOperations.TrailingZeroCount(mask);
        return (byte)((ulong)((value & mask) >> shift) * 255 / (mask >> shift));
    }

    private static ImageFormatException Truncated() => new("the BMP file is truncated.");

    private readonly record struct Masks(uint Red, uint Green, uint Blue);

    private sealed record Header(
        long Width, long Height, int Bits, long DataOffset, int PaletteAt, uint Colors, int PaletteEntry,
            bool TopDown, Masks Masks)
    {
        public Header Checked(uint compression)
        {
            if (compression is not (Raw or Bitfields))
                throw new ImageFormatException($"compressed BMP images (method {compression}) are not supported.");
            if (Bits is not (1 or 4 or 8 or 16 or 24 or 32))
                throw new ImageFormatException($"BMP with {Bits} bits a pixel is not supported.");
            if (compression == Bitfields && (Bits < 16 || Masks.Red == 0 || Masks.Green == 0 || Masks.Blue == 0))
                throw new ImageFormatException("the BMP file's channel masks are invalid.");
            if (compression == Bitfields) return this;
            return this with
            {
                Masks = Bits == 16 ? new(0x7C00, 0x03E0, 0x001F) : new(0xFF0000, 0x00FF00, 0x0000FF),

                // Some writers point at the palette instead of behind it.
                DataOffset = Bits <= 8 && DataOffset <= PaletteAt
                    ? PaletteAt + PaletteEntry * (long)(Colors == 0 ? 1u << Bits : Colors)
                    : DataOffset,
            };
        }
    }
}
