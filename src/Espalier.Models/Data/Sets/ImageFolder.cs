using System.Collections.Immutable;
using System.IO.Enumeration;

namespace Espalier.Models.Data;

/// <summary>Finds the images of a folder, and their classes when its form gives them.</summary>
internal static class ImageFolder
{
    private static readonly string[] Extensions = [".jpg", ".jpeg", ".png", ".webp", ".bmp"];

    private static readonly EnumerationOptions Options = new()
    {
        RecurseSubdirectories = true,
        MaxRecursionDepth = 32,
        AttributesToSkip = FileAttributes.Hidden,
        IgnoreInaccessible = false,
    };

    public static ImageDataset Open(string folder, LabelPolicy labels)
    {
        try
        {
            var list = Path.Combine(folder, LabelList.FileName);
            if (labels != LabelPolicy.Ignored && File.Exists(list)) return new(folder, LabelList.Read(folder, list));
            var ids = FindImages(folder);
            return labels != LabelPolicy.Ignored && ClassesOf(folder, ids) is { } classes
                ? new(folder, [.. ids.Select(id => Item(folder, id,
                    classes.BinarySearch(ClassOf(id), StringComparer.Ordinal)))], classes)
                : new(folder, [.. ids.Select(id => Item(folder, id, null))]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{folder}: cannot be read: {e.Message}", e);
        }
    }

    private static ImageItem Item(string folder, string id, int? label) => new ImageFileItem(id, label, Path.Combine(folder, id));

    private static List<string> FindImages(string folder)
    {
        var found = new FileSystemEnumerable<string>(
            folder, (ref FileSystemEntry entry) => Path.GetRelativePath(folder, entry.ToFullPath()).Replace(Path.DirectorySeparatorChar, '/'), Options)
        {
            ShouldRecursePredicate = (ref FileSystemEntry entry) =>
                !entry.Attributes.HasFlag(FileAttributes.ReparsePoint) || !FolderLinks.LeadsBack(entry.RootDirectory.ToString(), entry.ToFullPath()),
            ShouldIncludePredicate = (ref FileSystemEntry entry) => !entry.IsDirectory && IsImage(entry.FileName),
        };
        List<string> ids = [.. found];
        ids.Sort(StringComparer.Ordinal);
        return ids;
    }

    private static bool IsImage(ReadOnlySpan<char> name)
    {
        var extension = Path.GetExtension(name);
        foreach (var known in Extensions)
            if (extension.Equals(known, StringComparison.OrdinalIgnoreCase)) return true;
        return false;
    }

    // A tree needs two classes at least. With an empty subfolder the numbering would be in doubt, so then there are no labels.
    private static ImmutableArray<string>? ClassesOf(string folder, List<string> ids)
    {
        if (ids.Any(id => !id.Contains('/'))) return null;
        ImmutableArray<string> used = [.. ids.Select(ClassOf).Distinct().Order(StringComparer.Ordinal)];
        var present = new DirectoryInfo(folder).EnumerateDirectories().Count(d => !d.Name.StartsWith('.'));
        return used.Length >= 2 && used.Length == present ? used : null;
    }

    private static string ClassOf(string id) => id[..id.IndexOf('/')];
}
