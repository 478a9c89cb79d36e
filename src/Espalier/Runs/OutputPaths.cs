namespace Espalier.Runs;

/// <summary>Where paths lie, whatever links lead there.</summary>
internal static class OutputPaths
{
    /// <summary>The first of some paths that is a folder, or lies in an entry of it that is removed; null when none does.</summary>
    /// <param name="folder">Full path of the folder.</param>
    /// <param name="paths">Files and folders.</param>
    /// <param name="isRemoved">Whether an entry of the folder, by its name, is removed.</param>
    internal static string? FirstWithin(string folder, IEnumerable<string> paths, Func<string, bool> isRemoved)
    {
        // Images lie side by side by the million: links are followed once for each folder.
        var followed = new Dictionary<string, string>(StringComparer.Ordinal);
        var real = Real(folder, followed);
        return paths.FirstOrDefault(path =>
        {
            var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
            // By its name, too: a link in the folder is removed itself, wherever it leads.
            return IsIn(folder, full) || IsIn(real, Real(full, followed));
        });

        bool IsIn(string at, string path) => path == at
            || (path.StartsWith(Path.EndsInDirectorySeparator(at) ? at : at + Path.DirectorySeparatorChar, StringComparison.Ordinal)
                && isRemoved(path[at.Length..].TrimStart(Path.DirectorySeparatorChar).Split(Path.DirectorySeparatorChar)[0]));
    }

    private static string Real(string path, Dictionary<string, string> followed)
    {
        if (Path.GetDirectoryName(path) is not { } parent) return path;
        if (!followed.TryGetValue(parent, out var place)) followed[parent] = place = Real(parent, followed);
        var here = Path.Combine(place, Path.GetFileName(path));
        try
        {
            return File.ResolveLinkTarget(here, returnFinalTarget: true) is { } target ? Real(target.FullName, followed) : here;
        }
        catch (IOException)
        {
            // Nothing there, or links that lead round in a circle.
            return here;
        }
    }
}
