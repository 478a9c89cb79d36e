using System.Text;

namespace Espalier.Models.Formats;

/// <summary>Files that are read whole, none of them large: configs, lists, reports. One that is too large is refused before it is read.</summary>
public static class SmallFile
{
    /// <summary>The most bytes such a file may have unless said otherwise.</summary>
    public const long Most = 64 << 20;

    /// <summary>The file's bytes.</summary>
    /// <exception cref="InputException">It is missing, unreadable or larger than <paramref name="most"/> bytes.</exception>
    public static byte[] ReadBytes(string path, long most = Most)
    {
        try
        {
            var length = new FileInfo(path).Length;
            return length <= most ? File.ReadAllBytes(path)
                : throw new InputException($"{path} has {length} bytes, where {most} are the most such a file may have.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot read {path}: {e.Message}", e);
        }
    }

    /// <summary>The file's text, which is UTF-8.</summary>
    /// <exception cref="InputException">As for <see cref="ReadBytes"/>.</exception>
    public static string ReadText(string path, long most = Most)
    {
        using var reader = new StreamReader(new MemoryStream(ReadBytes(path, most)), Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
