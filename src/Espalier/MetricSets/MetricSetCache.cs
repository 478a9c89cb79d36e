using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Espalier.Compute;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;

namespace Espalier.MetricSets;

/// <summary>Synthetic sets kept between runs, by all that decides their values: model, image size, options, steps, and how they are computed.</summary>
public sealed class MetricSetCache
{
    private readonly string _folder;
    private readonly long[] _shape;

    /// <param name="root">Folder of all caches.</param>
    /// <param name="modelHash">SHA-256 of the teacher's weights file.</param>
    /// <param name="net">The teacher, at the size of its images.</param>
    /// <param name="preprocessing">Its normalisation, within which pixels stay.</param>
    /// <param name="options">How the set is made; the steps are the part that may differ within a cache.</param>
    /// <param name="compute">Device and threads: they decide in which order is summed, and so the last bits.</param>
    public MetricSetCache(string root, string modelHash, Architecture net, Preprocessing preprocessing, SynthesisOptions options, ComputeOptions compute)
    {
        var key = JsonSerializer.SerializeToUtf8Bytes(new { net.ImageSize, preprocessing.Mean, preprocessing.Std, compute.Device, compute.ThreadCount, Options = options with { Steps = 0 } });
        _folder = Path.Combine(root, "metric-sets", $"{modelHash[..16]}-{net.ImageSize}px-seed{options.Seed}-n{options.Images}-"
            + $"{(options.Bf16 ? "bf16" : "fp32")}-{Convert.ToHexStringLower(SHA256.HashData(key))[..12]}");
        _shape = [options.Images, net.Channels, net.ImageSize, net.ImageSize];
    }

    /// <summary>Folder of the set with exactly these steps, or of the one with the most when it has at least as many.</summary>
    public string? Find(long steps, bool exact)
    {
        if (!Directory.Exists(_folder)) return null;
        return Directory.EnumerateDirectories(_folder)
            .Select(folder => (Folder: folder, Steps: long.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var n) ? n : -1))
            .Where(entry => exact ? entry.Steps == steps : entry.Steps >= steps)
            .OrderByDescending(entry => entry.Steps).Select(entry => entry.Folder).FirstOrDefault(IsWhole);
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

    // A damaged file is made anew like a missing one.
    private bool IsWhole(string folder)
    {
        try
        {
            return MetricSetFile.Read(folder).Shape.AsSpan().SequenceEqual(_shape);
        }
        catch (InputException)
        {
            return false;
        }
    }
}
