namespace Espalier.Testing;

/// <summary>The repository's Markdown.</summary>
internal static class Pages
{
    private static readonly string[] s_folders = ["docs", "samples", "src", "models", ".github"];

    /// <summary>Every page, relative to the root.</summary>
    public static IEnumerable<string> All => Directory.EnumerateFiles(SharedData.Root, "*.md")
        .Concat(s_folders.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(SharedData.Root, folder), "*.md", SearchOption.AllDirectories)))
        .Select(path => Path.GetRelativePath(SharedData.Root, path)).Order(StringComparer.Ordinal);

    public static string Read(string page) => File.ReadAllText(Path.Combine(SharedData.Root, page));
}
