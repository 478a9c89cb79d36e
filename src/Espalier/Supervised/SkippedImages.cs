using System.Text.Json;
using Espalier.Models.Data;
using Espalier.Runs;
using Espalier.Torch.Distributed;

namespace Espalier.Supervised;

/// <summary>Training images that could not be read: each is told once and counted once, over all epochs and sittings.</summary>
internal sealed class SkippedImages(string folder, IProgress<ProgressUpdate> progress)
{
    private const string FileName = "skipped.json";
    private readonly SortedSet<string> _ids = new(Read(folder), StringComparer.Ordinal);

    internal void Add(ImageItem item, string reason)
    {
        if (!_ids.Add(item.Id)) return;
        StepFile.Write(folder, FileName, _ids.ToArray());
        progress.Report(ProgressUpdate.Message("images", $"left out: {reason}"));
    }

    /// <summary>Takes up those that other processes met: each reads its own part of every batch.</summary>
    internal void Gather(ProcessGroup? group)
    {
        if (group is null) return;
        for (var rank = 0; rank < group.Members; rank++)
            _ids.UnionWith(JsonSerializer.Deserialize<string[]>(group.BroadcastBytes(JsonSerializer.SerializeToUtf8Bytes(_ids), rank))!);
        if (_ids.Count > 0) StepFile.Write(folder, FileName, _ids.ToArray());
    }

    /// <summary>How many were left out in a step.</summary>
    internal static int Count(string folder) => Read(folder).Length;

    private static string[] Read(string folder) => StepFile.Read<string[]>(folder, FileName) ?? [];
}
