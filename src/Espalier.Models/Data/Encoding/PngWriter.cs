using System.IO.Compression;
using Espalier.Models.Formats;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Espalier.Models.Data;

/// <summary>
/// Writes 8-bit grey and RGB PNG files, without loss. Each row gets the filter whose result has the smallest sum of absolute values
/// (PNG specification §12.8), so the same pixels give the same bytes.
/// </summary>
public static class PngWriter
{
    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Writes the file, whole or not at all.</summary>
    /// <exception cref="FailureException">The file cannot be written.</exception>
    public static void Write(string path, ImageBuffer image) => AtomicFile.WriteBytes(path, Encode(image));

    /// <summary>The bytes of the file.</summary>
    public static byte[] Encode(ImageBuffer image)
    {
        using var png = new MemoryStream();
        png.Write(Signature);
        var header = new byte[13];
        WriteInt32BigEndian(header, image.Width);
        WriteInt32BigEndian(header.AsSpan(4), image.Height);
        (header[8], header[9]) = (8, (byte)(image.Channels == 1 ? PngChunks.Grey : PngChunks.Truecolour));
        WriteChunk(png, "IHDR"u8, header);
        WriteChunk(png, "IDAT"u8, Compress(image));
        WriteChunk(png, "IEND"u8, []);
        return png.ToArray();
    }

    private static byte[] Compress(ImageBuffer image)
    {
        using var data = new MemoryStream();
        using (var zlib = new ZLibStream(data, CompressionLevel.SmallestSize))
        {
            var length = image.Width * image.Channels;
            byte[] before = new byte[length], trial = new byte[length + 1], best = new byte[length + 1];
            for (var y = 0; y < image.Height; y++)
            {
                var row = image.Pixels.AsSpan(y * length, length);
                var least = long.MaxValue;
                for (byte filter = 0; filter < PngFilter.Count; filter++)
                {
                    PngFilter.Apply(filter, row, before, image.Channels, trial);
                    var cost = Cost(trial.AsSpan(1));
                    if (cost >= least) continue;
                    least = cost;
                    (best, trial) = (trial, best);
                }
                zlib.Write(best);
                row.CopyTo(before);
            }
        }
        return data.ToArray();
    }

    private static long Cost(ReadOnlySpan<byte> filtered)
    {
        long sum = 0;
        foreach (var b in filtered) sum += Math.Min(b, 256 - b);
        return sum;
    }

    private static void WriteChunk(Stream png, ReadOnlySpan<byte> type, ReadOnlySpan<byte> body)
    {
        var chunk = new byte[body.Length + 12];
        WriteInt32BigEndian(chunk, body.Length);
        type.CopyTo(chunk.AsSpan(4));
        body.CopyTo(chunk.AsSpan(8));
        WriteUInt32BigEndian(chunk.AsSpan(chunk.Length - 4), Crc32.Of(chunk.AsSpan(4, body.Length + 4)));
        png.Write(chunk);
    }
}
