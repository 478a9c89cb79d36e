using System.Globalization;
using Espalier.Models.Formats;

namespace Espalier.MetricSets;

/// <summary>Synthetic sets kept between runs, by (model, seed, images, steps).</summary>
public sealed class MetricSetCache
{
    private readonly string _folder;

    /// <param name="root">Folder of all caches.</param>
    /// <param name="modelHash">SHA-256 of the teacher's weights file.</param>
    /// <param name="options">Seed and number of images; their arithmetic too.</param>
    public MetricSetCache(string root, string modelHash, SynthesisOptions options) => _folder = Path.Combine(root, "metric-sets",
        $"{modelHash[..16]}-seed{options.Seed}-n{options.Images}-{(options.Bf16 ? "bf16" : "fp32")}");

    /// <summary>Folder of the set with exactly these steps, or of the one with the most when it has at least as many.</summary>
    public string? Find(long steps, bool exact)
    {
        if (!Directory.Exists(_folder)) return null;
        return Directory.EnumerateDirectories(_folder)
            .Select(folder => (Folder: folder, Steps: long.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var n) ? n : -1))
            .Where(entry => exact ? entry.Steps == steps : entry.Steps >= steps)
            .Where(entry => File.Exists(Path.Combine(entry.Folder, MetricSetFile.FileName)))
            .OrderByDescending(entry => entry.Steps).Select(entry => entry.Folder).FirstOrDefault();
    }

    /// <summary>Keeps a set. A cache that cannot be written is no reason to fail.</summary>
    public void Store(string folder, long steps)
    {
        var target = Path.Combine(_folder, steps.ToString(CultureInfo.InvariantCulture));
        try
        {
            AtomicFile.MakeFolder(target);
            AtomicFile.Copy(Path.Combine(folder, MetricSetFile.FileName), Path.Combine(target, MetricSetFile.FileName));
        }
        catch (FailureException)
        {
        }
    }
}
