using System.Runtime.InteropServices;

namespace Espalier.Models.Data;

/// <summary>Links among folders: followed, unless they lead back to where one is already, which would go on for ever.</summary>
internal static partial class FolderLinks
{
    /// <summary>Whether a link inside <paramref name="root"/> leads to a folder that is passed on the way to the link, or to one above it.</summary>
    internal static bool LeadsBack(string root, string link)
    {
        if (Real(link) is not { } target) return true; // a loop of links, or nothing there
        for (var passed = Path.GetDirectoryName(link); passed is not null; passed = Path.GetDirectoryName(passed))
        {
            if (Real(passed) is { } real && IsWithin(real, target)) return true;
            if (passed.Length <= root.Length) return false;
        }
        return false;
    }

    private static bool IsWithin(string folder, string ancestor) =>
        folder == ancestor || folder.StartsWith(Path.EndsInDirectorySeparator(ancestor) ? ancestor : ancestor + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    // The path without any link in it; null when it leads nowhere.
    private static string? Real(string path)
    {
        if (!OperatingSystem.IsLinux()) return Path.GetFullPath(path);
        var text = RealPath(path, 0);
        if (text == 0) return null;
        try
        {
            return Marshal.PtrToStringUTF8(text);
        }
        finally
        {
            Free(text);
        }
    }

    [LibraryImport("libc", EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint RealPath(string path, nint buffer);

    [LibraryImport("libc", EntryPoint = "free")]
    private static partial void Free(nint memory);
}
