using System.Buffers.Binary;
using System.IO.Compression;
using Espalier.Models;

namespace Espalier.Benchmarks.Fuzzing;

/// <summary>Changes to zip archives: to the pickle inside, the archive made anew around it, and to the numbers of headers and directory.</summary>
internal static class ZipMutation
{
    /// <summary>Numbers worth changing, by what the record begins with (PK and these two bytes): offset and width.</summary>
    private static readonly Dictionary<ushort, (int At, int Width)[]> s_fields = new()
    {
        [0x0403] = [(6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2), (30, 1)],
        [0x0201] = [(8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4), (46, 1), (46, 8)],
        [0x0605] = [(8, 2), (10, 2), (12, 4), (16, 4), (20, 2)],
        [0x0606] = [(24, 8), (32, 8), (40, 8), (48, 8)],
        [0x0706] = [(4, 4), (8, 8), (16, 4)],
    };

    public static byte[] Change(byte[] seed, byte[] other, SeededRandom random)
    {
        switch (random.NextInt(10))
        {
            case 0: return Mutation.Bytes(seed, other, random);
            case <= 3: return Fields(seed, random);
            default:
                var items = Items(seed);
                if (items.Count == 0) return Mutation.Bytes(seed, other, random);
                var theirs = Items(other);
                var at = random.NextBool(0.8) ? items.FindIndex(i => i.Name.EndsWith("data.pkl", StringComparison.Ordinal)) : random.NextInt(items.Count);
                if (at >= 0) items[at] = (items[at].Name, PickleMutation.Change(items[at].Bytes, theirs.Count > 0 ? theirs[0].Bytes : [], random));
                if (random.NextBool(0.05)) items.RemoveAt(random.NextInt(items.Count));
                if (random.NextBool(0.05) && theirs.Count > 0) items.Add(theirs[random.NextInt(theirs.Count)]);
                var changed = Pack(items, random.NextBool(0.2));
                return random.NextBool(0.1) ? Fields(changed, random) : changed;
        }
    }

    private static byte[] Fields(byte[] archive, SeededRandom random)
    {
        var records = new List<(int At, ushort Kind)>();
        for (var at = 0; at + 4 <= archive.Length; at++)
            if (archive[at] == 'P' && archive[at + 1] == 'K' && BinaryPrimitives.ReadUInt16LittleEndian(archive.AsSpan(at + 2)) is var kind && s_fields.ContainsKey(kind)) records.Add((at, kind));
        for (var left = random.NextInt(1, 3); left > 0 && records.Count > 0; left--)
        {
            var (at, kind) = records[random.NextInt(records.Count)];
            var (offset, width) = s_fields[kind][random.NextInt(s_fields[kind].Length)];
            var old = at + offset < archive.Length ? archive[at + offset] : 0;
            archive = Mutation.Write(archive, at + offset, width, Mutation.Number(old, archive.Length, random));
        }
        return archive;
    }

    private static List<(string Name, byte[] Bytes)> Items(byte[] archive)
    {
        try
        {
            using var zip = new ZipArchive(new MemoryStream(archive));
            return [.. zip.Entries.Select(e =>
            {
                using var stream = e.Open();
                using var bytes = new MemoryStream();
                stream.CopyTo(bytes);
                return (e.FullName, bytes.ToArray());
            })];
        }
        catch (InvalidDataException)
        {
            return [];
        }
    }

    private static byte[] Pack(List<(string Name, byte[] Bytes)> items, bool deflate)
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var (name, content) in items)
            {
                using var entry = zip.CreateEntry(name, deflate ? CompressionLevel.Fastest : CompressionLevel.NoCompression).Open();
                entry.Write(content);
            }
        return bytes.ToArray();
    }
}
