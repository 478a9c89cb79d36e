using System.IO.Compression;
using Espalier.Models;
using Espalier.Models.Formats;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Espalier.Benchmarks.Fuzzing;

/// <summary>Changes to image files: to fields of their headers, to whole pieces of them, checksums put right again.</summary>
internal static class ImageMutation
{
    private const int PngSignature = 8;

    public static byte[] Png(byte[] seed, byte[] other, SeededRandom random)
    {
        var chunks = Chunks(seed);
        if (chunks.Count == 0 || random.NextBool(0.2)) return Mutation.Bytes(seed, other, random);
        var at = random.NextInt(chunks.Count);
        switch (random.NextInt(8))
        {
            case 0: chunks.RemoveAt(at); break;
            case 1: chunks.Insert(random.NextInt(chunks.Count + 1), chunks[at]); break;
            case 2 or 3: chunks[0] = (chunks[0].Type, Mutation.Write(chunks[0].Body, random.NextInt(2) * 4, 4, Mutation.Number(100, seed.Length, random), bigEndian: true)); break;
            case 4: chunks[0] = (chunks[0].Type, Mutation.Write(chunks[0].Body, 8 + random.NextInt(5), 1, random.NextInt(20))); break;
            case 5 or 6 when chunks.FindIndex(c => c.Type is [(byte)'I', (byte)'D', (byte)'A', (byte)'T']) is var data and >= 0:
                chunks[data] = (chunks[data].Type, Deflate(Mutation.Bytes(Inflate(chunks[data].Body), chunks[data].Body, random)));
                break;
            default: chunks[at] = (chunks[at].Type, Mutation.Bytes(chunks[at].Body, other, random)); break;
        }
        return [.. seed.AsSpan(0, PngSignature), .. chunks.SelectMany(c => Chunk(c.Type, c.Body))];
    }

    public static byte[] Jpeg(byte[] seed, byte[] other, SeededRandom random)
    {
        var segments = Segments(seed);
        if (segments.Count == 0 || random.NextBool(0.3)) return Mutation.Bytes(seed, other, random);
        var (at, length) = segments[random.NextInt(segments.Count)];
        switch (random.NextInt(6))
        {
            case 0: return Mutation.Write(seed, at + 2, 2, Mutation.Number(length, seed.Length, random), bigEndian: true);
            case 1: return Mutation.Replace(seed, at, length, []);
            case 2: return Mutation.Replace(seed, at, 0, [.. Enumerable.Repeat(seed.AsSpan(at, length).ToArray(), 1 << random.NextInt(9)).SelectMany(s => s)]);
            case 3 when segments.FindIndex(s => seed[s.At + 1] is 0xC0 or 0xC1 or 0xC2) is var frame and >= 0: // height, width, or any of the components' bytes
                var start = segments[frame].At + 4;
                return random.NextBool() ? Mutation.Write(seed, start + 1 + 2 * random.NextInt(2), 2, Mutation.Number(100, seed.Length, random), bigEndian: true)
                    : Mutation.Write(seed, start + 5 + random.NextInt(10), 1, random.NextInt(256));
            default: return Mutation.Replace(seed, at, length, [.. seed.AsSpan(at, 4), .. Mutation.Bytes(seed.AsSpan(at + 4, length - 4).ToArray(), other, random)]);
        }
    }

    public static byte[] Webp(byte[] seed, byte[] other, SeededRandom random) => random.NextInt(4) switch
    {
        0 => Mutation.Write(seed, random.NextInt(4) switch { 0 => 4, 1 => 16, 2 => 21, _ => 26 }, 4, Mutation.Number(seed.Length, seed.Length, random)),
        1 => Mutation.Write(seed, 12 + random.NextInt(Math.Min(24, seed.Length - 12)), 1, random.NextInt(256)),
        _ => Mutation.Bytes(seed, other, random),
    };

    public static byte[] Bmp(byte[] seed, byte[] other, SeededRandom random) => random.NextInt(3) switch
    {
        0 => Mutation.Write(seed, random.NextInt(8) switch { 0 => 2, 1 => 10, 2 => 14, 3 => 18, 4 => 22, 5 => 30, 6 => 46, _ => 54 }, 4, Mutation.Number(seed[22], seed.Length, random)),
        1 => Mutation.Write(seed, 26 + random.NextInt(4), 1, random.NextInt(40)),
        _ => Mutation.Bytes(seed, other, random),
    };

    private static List<(byte[] Type, byte[] Body)> Chunks(byte[] png)
    {
        var chunks = new List<(byte[], byte[])>();
        for (var at = PngSignature; at + 12 <= png.Length;)
        {
            var length = ReadUInt32BigEndian(png.AsSpan(at));
            if (length > png.Length - at - 12) break;
            chunks.Add((png[(at + 4)..(at + 8)], png[(at + 8)..(at + 8 + (int)length)]));
            at += 12 + (int)length;
        }
        return chunks;
    }

    private static byte[] Chunk(byte[] type, byte[] body)
    {
        var chunk = new byte[body.Length + 12];
        WriteInt32BigEndian(chunk, body.Length);
        type.CopyTo(chunk, 4);
        body.CopyTo(chunk, 8);
        WriteUInt32BigEndian(chunk.AsSpan(body.Length + 8), Crc32.Of(chunk.AsSpan(4, body.Length + 4)));
        return chunk;
    }

    private static byte[] Inflate(byte[] data)
    {
        try
        {
            using var zlib = new ZLibStream(new MemoryStream(data), CompressionMode.Decompress);
            using var bytes = new MemoryStream();
            zlib.CopyTo(bytes);
            return bytes.ToArray();
        }
        catch (InvalidDataException)
        {
            return data;
        }
    }

    private static byte[] Deflate(byte[] data)
    {
        using var bytes = new MemoryStream();
        using (var zlib = new ZLibStream(bytes, CompressionLevel.Fastest)) zlib.Write(data);
        return bytes.ToArray();
    }

    // The marker segments up to the first scan, marker included.
    private static List<(int At, int Length)> Segments(byte[] jpeg)
    {
        var segments = new List<(int, int)>();
        for (var at = 2; at + 4 <= jpeg.Length && jpeg[at] == 0xFF;)
        {
            var length = 2 + ReadUInt16BigEndian(jpeg.AsSpan(at + 2));
            if (length < 4 || at + length > jpeg.Length) break;
            segments.Add((at, length));
            at += length;
        }
        return segments;
    }
}
