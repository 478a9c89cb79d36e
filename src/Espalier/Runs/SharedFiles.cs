using System.Text;
using Espalier.Torch.Distributed;

namespace Espalier.Runs;

/// <summary>Gives every process of a group the files one of them has. They need no common disk.</summary>
internal static class SharedFiles
{
    private const int ChunkBytes = 64 << 20;

    /// <summary>Makes parts of a folder the same on every process.</summary>
    /// <param name="group">The processes.</param>
    /// <param name="folder">The folder, of this process.</param>
    /// <param name="parts">Files and folders in it, relative; what else is there stays.</param>
    /// <param name="from">Whose files they are.</param>
    internal static void Share(ProcessGroup group, string folder, IReadOnlyList<string> parts, int from = 0)
    {
        if (group.Size == 1) return;
        var gives = group.Rank == from;
        var names = Encoding.UTF8.GetString(group.BroadcastBytes(gives ? Encoding.UTF8.GetBytes(string.Join('\n', Names(folder, parts))) : [], from));
        var all = names.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (!gives)
            foreach (var stale in Names(folder, parts).Except(all)) File.Delete(Path.Combine(folder, stale));
        foreach (var name in all)
        {
            var path = Path.Combine(folder, name);
            if (gives) Send(group, path, from);
            else Receive(group, path, from);
        }
    }

    private static IEnumerable<string> Names(string folder, IReadOnlyList<string> parts)
    {
        var files = new List<string>();
        foreach (var part in parts.Select(p => Path.Combine(folder, p)))
        {
            if (File.Exists(part)) files.Add(part);
            if (Directory.Exists(part)) files.AddRange(Directory.EnumerateFiles(part, "*", SearchOption.AllDirectories));
        }
        return files.Select(file => Path.GetRelativePath(folder, file)).Order(StringComparer.Ordinal);
    }

    private static void Send(ProcessGroup group, string path, int from)
    {
        using var file = File.OpenRead(path);
        var chunk = new byte[ChunkBytes];
        int read;
        do
        {
            read = file.ReadAtLeast(chunk, chunk.Length, throwOnEndOfStream: false);
            group.BroadcastBytes(chunk[..read], from);
        }
        while (read == chunk.Length);
    }

    private static void Receive(ProcessGroup group, string path, int from)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var file = File.Create(path);
        byte[] chunk;
        do
        {
            chunk = group.BroadcastBytes([], from);
            file.Write(chunk);
        }
        while (chunk.Length == ChunkBytes);
    }
}
