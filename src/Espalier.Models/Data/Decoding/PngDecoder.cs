using System.IO.Compression;

namespace Espalier.Models.Data;

/// <summary>
/// PNG of every colour type, depth and interlacing. libpng's simple interface blends alpha and applies the file's gamma, which
/// Pillow does not, and its full interface reports errors by <c>longjmp</c>, which managed code must not be under; hence this
/// reader.
/// </summary>
internal static class PngDecoder
{
    /// <summary>Adam7: first column, first row, column step and row step of each pass (PNG specification §8.2).</summary>
    private static readonly (int X, int Y, int StepX, int StepY)[] Adam7 =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    public static ImageBuffer Decode(ReadOnlySpan<byte> bytes)
    {
        var png = PngChunks.Read(bytes);
        int width = (int)png.Width, height = (int)png.Height;
        var channels = png.ColorType is PngChunks.Grey or PngChunks.GreyAlpha ? 1 : 3;
        var pixels = GC.AllocateUninitializedArray<byte>(checked(width * height * channels));
        try
        {
            using var data = new ZLibStream(new MemoryStream(png.Data), CompressionMode.Decompress);
            foreach (var pass in png.Interlaced ? Adam7 : [(0, 0, 1, 1)]) ReadPass(png, data, pixels, channels, pass);
        }
        catch (EndOfStreamException e)
        {
            throw new ImageFormatException("the PNG file is truncated.", e);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw new ImageFormatException("the PNG file is corrupt: its data cannot be decompressed.", e);
        }
        return new(width, height, channels, pixels);
    }

    private static void ReadPass(PngChunks png, Stream data, byte[] pixels, int channels,
        (int X, int Y, int StepX, int StepY) pass)
    {
        int width = (int)png.Width, height = (int)png.Height;
        var columns = (width - pass.X + pass.StepX - 1) / pass.StepX;
        if (width <= pass.X || height <= pass.Y) return; // this pass has no pixels, and no filter bytes either

        var bitsPerPixel = png.Samples * png.BitDepth;
        var rowBytes = (int)(((long)columns * bitsPerPixel + 7) / 8);
        byte[] row = new byte[rowBytes + 1], previous = new byte[rowBytes + 1], unpacked = new byte[columns * channels];
        for (var y = pass.Y; y < height; y += pass.StepY)
        {
            data.ReadExactly(row);
            PngFilter.Undo(row[0], row.AsSpan(1), previous.AsSpan(1), Math.Max(1, bitsPerPixel / 8));
            var target = pixels.AsSpan(y * width * channels, width * channels);
            if (pass.StepX == 1)
                Unpack(png, row.AsSpan(1), target);
            else
            {
                Unpack(png, row.AsSpan(1), unpacked);
                for (var i = 0; i < columns; i++)
                    unpacked.AsSpan(i * channels, channels).CopyTo(target[((pass.X + i * pass.StepX) * channels)..]);
            }
            (row, previous) = (previous, row);
        }
    }

    /// <summary>One unfiltered row to grey or RGB bytes: 16-bit samples keep their high byte, alpha is skipped.</summary>
    private static void Unpack(PngChunks png, ReadOnlySpan<byte> row, Span<byte> target)
    {
        if (png.BitDepth < 8 || png.ColorType == PngChunks.Indexed)
        {
            UnpackBits(png, row, target);
            return;
        }
        var colours = png.ColorType is PngChunks.Grey or PngChunks.GreyAlpha ? 1 : 3;
        int step = png.Samples * png.BitDepth / 8, sampleStep = png.BitDepth / 8;
        if (step == colours)
        {
            row[..target.Length].CopyTo(target);
            return;
        }
        for (int p = 0, q = 0; q < target.Length; p += step, q += colours)
            for (var c = 0; c < colours; c++)
                target[q + c] = row[p + c * sampleStep];
    }

    private static void UnpackBits(PngChunks png, ReadOnlySpan<byte> row, Span<byte> target)
    {
        int bits = png.BitDepth, mask = (1 << bits) - 1, indexed = png.ColorType == PngChunks.Indexed ? 3 : 1;
        for (int x = 0, bit = 0; x < target.Length / indexed; x++, bit += bits)
        {
            var value = row[bit >> 3] >> (8 - bits - (bit & 7)) & mask;
            if (indexed == 1) target[x] = (byte)(value * 255 / mask);
            else if (value * 3 + 3 <= png.Palette.Length) png.Palette.AsSpan(value * 3, 3).CopyTo(target[(x * 3)..]);
            else target.Slice(x * 3, 3).Fill((byte)value); // outside the palette: a grey, as in Pillow
        }
    }
}
