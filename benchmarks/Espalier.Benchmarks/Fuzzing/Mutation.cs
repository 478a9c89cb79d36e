using System.Buffers.Binary;
using Espalier.Models;

namespace Espalier.Benchmarks.Fuzzing;

/// <summary>Changes to bytes of which nothing is known.</summary>
internal static class Mutation
{
    /// <summary>Numbers at which arithmetic goes wrong.</summary>
    public static readonly long[] Edges =
    [
        0, 1, -1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 100_000, 1_000_000, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 32,
        1L << 40, 1L << 53, long.MaxValue, long.MinValue, long.MaxValue / 4,
    ];

    /// <summary>One to a few changes: bits, bytes, numbers of any width and order, and pieces cut, doubled, moved or taken from another input.</summary>
    public static byte[] Bytes(byte[] seed, byte[] other, SeededRandom random)
    {
        var bytes = seed;
        for (var left = random.NextBool(0.6) ? 1 : random.NextInt(2, 6); left > 0; left--) bytes = Once(bytes, other, random);
        return bytes;
    }

    /// <summary>A number from the edges, or near a length, or near what stood there.</summary>
    public static long Number(long old, int length, SeededRandom random) => random.NextInt(5) switch
    {
        0 => old + random.NextInt(-2, 2),
        1 => length + random.NextInt(-2, 2),
        2 => (long)random.NextUInt64() >> random.NextInt(64),
        _ => Edges[random.NextInt(Edges.Length)],
    };

    /// <summary>The bytes with those from <paramref name="at"/> on, <paramref name="count"/> of them, replaced.</summary>
    public static byte[] Replace(byte[] bytes, int at, int count, ReadOnlySpan<byte> by) => [.. bytes.AsSpan(0, at), .. by, .. bytes.AsSpan(at + count)];

    /// <summary>Overwrites a number of 1, 2, 4 or 8 bytes; what lies beyond the end is left off.</summary>
    public static byte[] Write(byte[] bytes, int at, int width, long value, bool bigEndian = false)
    {
        var result = bytes.ToArray();
        Span<byte> number = stackalloc byte[8];
        if (bigEndian) BinaryPrimitives.WriteInt64BigEndian(number, value << (64 - 8 * width));
        else BinaryPrimitives.WriteInt64LittleEndian(number, value);
        for (var k = 0; k < width && at + k < result.Length; k++) result[at + k] = number[k];
        return result;
    }

    private static byte[] Once(byte[] bytes, byte[] other, SeededRandom random)
    {
        if (bytes.Length == 0) return other;
        var at = random.NextInt(bytes.Length);
        var count = random.NextInt(Math.Min(bytes.Length - at, 1 << random.NextInt(12)) + 1);
        switch (random.NextInt(10))
        {
            case 0 or 1:
                var flipped = bytes.ToArray();
                flipped[at] ^= (byte)(1 << random.NextInt(8));
                return flipped;
            case 2:
                var set = bytes.ToArray();
                set[at] = (byte)random.NextInt(256);
                return set;
            case 3 or 4: return Write(bytes, at, 1 << random.NextInt(4), Number(bytes[at], bytes.Length, random), random.NextBool());
            case 5: return bytes[..at];
            case 6: return Replace(bytes, at, count, []);
            case 7: return Replace(bytes, at, 0, bytes.AsSpan(at, count));
            case 8: return Replace(bytes, at, count, bytes.AsSpan(random.NextInt(bytes.Length - count + 1), count));
            default:
                if (other.Length == 0) return bytes;
                var from = random.NextInt(other.Length);
                return Replace(bytes, at, count, other.AsSpan(from, random.NextInt(Math.Min(other.Length - from, 4096) + 1)));
        }
    }
}
