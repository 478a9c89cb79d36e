using System.Buffers.Binary;
using System.Text;
using Espalier.Models;

namespace Espalier.Benchmarks.Fuzzing;

/// <summary>Changes to pickles, operation by operation.</summary>
internal static class PickleMutation
{
    private static readonly byte[] s_plain = [.. "(.012NtlaedsuobRQ)]}"u8, 0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8F, 0x90, 0x91, 0x92, 0x93, 0x94];

    private static readonly string[] s_globals =
    [
        "torch._utils\n_rebuild_tensor_v2", "torch._utils\n_rebuild_tensor_v3", "torch._utils\n_rebuild_parameter", "torch._tensor\n_rebuild_from_type_v2", "collections\nOrderedDict",
        "torch\nFloatStorage", "torch\nHalfStorage", "torch.storage\nUntypedStorage", "torch\nSize", "os\nsystem", "builtins\neval", "builtins\ndict", "x\ny", "\n",
    ];

    /// <summary>One to a few operations inserted, left out, doubled, moved, or given another argument; now and then bytes.</summary>
    public static byte[] Change(byte[] seed, byte[] other, SeededRandom random)
    {
        if (random.NextBool(0.15)) return Mutation.Bytes(seed, other, random);
        var parts = Split(seed);
        for (var left = random.NextBool(0.6) ? 1 : random.NextInt(2, 8); left > 0 && parts.Count > 0; left--) Once(parts, other, random);
        return [.. parts.SelectMany(p => p)];
    }

    private static void Once(List<byte[]> parts, byte[] other, SeededRandom random)
    {
        var at = random.NextInt(parts.Count);
        switch (random.NextInt(8))
        {
            case 0: parts.RemoveAt(at); break;
            case 1: parts.Insert(at, parts[random.NextInt(parts.Count)]); break;
            case 2:
                var to = random.NextInt(parts.Count);
                (parts[at], parts[to]) = (parts[to], parts[at]);
                break;
            case 3: parts[at] = Argument(parts[at], random); break;
            case 4: parts.InsertRange(at, Enumerable.Repeat(parts[at], 1 << random.NextInt(11))); break;
            case 5:
                var theirs = Split(other);
                if (theirs.Count > 0) parts.Insert(at, theirs[random.NextInt(theirs.Count)]);
                break;
            default: parts.Insert(at, Any(random)); break;
        }
    }

    private static byte[] Any(SeededRandom random) => random.NextInt(6) switch
    {
        0 => Encoding.Latin1.GetBytes($"c{s_globals[random.NextInt(s_globals.Length)]}\n"),
        1 => Long(Mutation.Edges[random.NextInt(Mutation.Edges.Length)]),
        2 => [(byte)'h', (byte)random.NextInt(64)],
        _ => [s_plain[random.NextInt(s_plain.Length)]],
    };

    private static byte[] Long(long value)
    {
        var bytes = new byte[10];
        (bytes[0], bytes[1]) = (0x8A, 8);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(2), value);
        return bytes;
    }

    private static byte[] Argument(byte[] part, SeededRandom random)
    {
        if (part.Length == 1) return [s_plain[random.NextInt(s_plain.Length)]];
        if (part[0] == (byte)'c') return Any(random);
        var at = random.NextInt(1, part.Length - 1);
        return Mutation.Write(part, at, 1 << random.NextInt(3), Mutation.Number(part[at], part.Length, random));
    }

    // As long as every operation is known; the rest is one part.
    private static List<byte[]> Split(byte[] pickle)
    {
        var parts = new List<byte[]>();
        for (var at = 0; at < pickle.Length;)
        {
            var length = Math.Min(Length(pickle.AsSpan(at)), pickle.Length - at);
            parts.Add(pickle.AsSpan(at, length).ToArray());
            at += length;
        }
        return parts;
    }

    private static int Length(ReadOnlySpan<byte> op)
    {
        const int All = int.MaxValue;
        return op[0] switch
        {
            (byte)'K' or (byte)'h' or (byte)'q' or 0x80 => 2,
            (byte)'M' => 3,
            (byte)'J' or (byte)'j' or (byte)'r' => 5,
            (byte)'G' or 0x95 => 9,
            0x8A or 0x8C or (byte)'U' or (byte)'C' => op.Length > 1 ? 2 + op[1] : All,
            (byte)'X' or (byte)'T' or (byte)'B' or 0x8B => op.Length > 4 ? (int)Math.Min(All, 5L + BinaryPrimitives.ReadUInt32LittleEndian(op[1..])) : All,
            (byte)'c' or (byte)'i' => op.IndexOf((byte)'\n') is var line and >= 0 && op[(line + 1)..].IndexOf((byte)'\n') is var second and >= 0 ? line + second + 2 : All,
            (byte)'I' or (byte)'L' or (byte)'F' or (byte)'S' or (byte)'V' or (byte)'g' or (byte)'p' or (byte)'P' => op.IndexOf((byte)'\n') is var end and >= 0 ? end + 1 : All,
            _ => 1,
        };
    }
}
