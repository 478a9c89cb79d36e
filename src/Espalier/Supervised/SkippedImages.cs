using Espalier.Models.Data;
using Espalier.Runs;

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

    /// <summary>How many were left out in a step.</summary>
    internal static int Count(string folder) => Read(folder).Length;

    private static string[] Read(string folder) => StepFile.Read<string[]>(folder, FileName) ?? [];
}
