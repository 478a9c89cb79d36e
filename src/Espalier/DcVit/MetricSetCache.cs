using System.Globalization;

namespace Espalier.DcVit;

/// <summary>Synthetic sets kept between runs, by (model, seed, images, steps).</summary>
internal sealed class MetricSetCache
{
    private readonly string _folder;

    private MetricSetCache(string folder) => _folder = folder;

    /// <summary>The cache of this session's model and seed; null when nothing is to be kept or the model has no file.</summary>
    internal static MetricSetCache? For(FewShotSession session)
    {
        if (session.Request.CacheFolder is not { } root || session.Request.Model.SourceHash is not { } hash) return null;
        var arithmetic = session.Compute.PrecisionName;
        return new MetricSetCache(Path.Combine(root, "metric-sets",
            $"{hash[..16]}-seed{session.Request.Seed}-n{session.Options.MetricImages}-{arithmetic}"));
    }

    /// <summary>Folder of the set with exactly these steps, or of the one with the most when it has at least as many.</summary>
    internal string? Find(long steps, bool exact)
    {
        if (!Directory.Exists(_folder)) return null;
        return Directory.EnumerateDirectories(_folder)
            .Select(folder => (Folder: folder, Steps: long.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var n) ? n : -1))
            .Where(entry => exact ? entry.Steps == steps : entry.Steps >= steps)
            .Where(entry => File.Exists(Path.Combine(entry.Folder, MetricSetFile.FileName)))
            .OrderByDescending(entry => entry.Steps).Select(entry => entry.Folder).FirstOrDefault();
    }

    /// <summary>Keeps a set. A cache that cannot be written is no reason to fail.</summary>
    internal void Store(string folder, long steps)
    {
        var target = Path.Combine(_folder, steps.ToString(CultureInfo.InvariantCulture));
        var temporary = target + ".tmp";
        try
        {
            Directory.CreateDirectory(temporary);
            File.Copy(Path.Combine(folder, MetricSetFile.FileName), Path.Combine(temporary, MetricSetFile.FileName), overwrite: true);
            if (!Directory.Exists(target)) Directory.Move(temporary, target);
            else Directory.Delete(temporary, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
