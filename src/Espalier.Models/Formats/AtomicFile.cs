using System.Text;

namespace Espalier.Models.Formats;

/// <summary>
/// The one place that writes files. They appear whole or not at all: to a temporary file in the same folder, flushed to the disk, renamed, and the
/// folder's names flushed, too.
/// </summary>
/// <remarks>
/// The temporary file is <c>.NAME.tmp</c> and is locked while it is written, so that what an interrupted process left behind
/// is overwritten and two processes that write the same file cannot mix. Every failure removes it.
/// </remarks>
public static class AtomicFile
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Writes <paramref name="text"/> as UTF-8 without a byte order mark, replacing an existing file.</summary>
    /// <exception cref="FailureException">The file cannot be written.</exception>
    public static void WriteText(string path, string text) => WriteBytes(path, Utf8.GetBytes(text));

    /// <summary>Writes <paramref name="bytes"/>, replacing an existing file.</summary>
    /// <exception cref="FailureException">The file cannot be written.</exception>
    public static void WriteBytes(string path, ReadOnlyMemory<byte> bytes) => Write(path, stream => stream.Write(bytes.Span));

    /// <summary>Copies a file, replacing an existing one.</summary>
    /// <exception cref="FailureException">The copy cannot be written, or the file not read.</exception>
    public static void Copy(string from, string path) => Write(path, stream =>
    {
        using var source = new FileStream(from, FileMode.Open, FileAccess.Read, FileShare.Read);
        source.CopyTo(stream);
    });

    /// <summary>Moves a file within a disk, replacing an existing one.</summary>
    /// <exception cref="FailureException">It cannot be moved.</exception>
    public static void Move(string from, string path)
    {
        try
        {
            File.Move(from, path, overwrite: true);
            FolderSync.Flush(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"Cannot move {from} to {path}: {e.Message}", e);
        }
    }

    /// <summary>Makes a folder and those above it.</summary>
    /// <exception cref="FailureException">It cannot be made.</exception>
    public static string MakeFolder(string path)
    {
        var full = Path.GetFullPath(path);
        if (Directory.Exists(full)) return full;
        try
        {
            Directory.CreateDirectory(full);
            FolderSync.Flush(Path.GetDirectoryName(full) ?? full);
            return full;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"Cannot make the folder {path}: {e.Message}", e);
        }
    }

    /// <summary>
    /// Lets <paramref name="write"/> fill the file and <paramref name="check"/> read it back, under its temporary name and from the
    /// start; nothing appears at <paramref name="path"/> if either throws.
    /// </summary>
    /// <exception cref="FailureException">The file cannot be written: no such folder, no permission, disk full.</exception>
    public static void Write(string path, Action<Stream> write, Action<FileStream>? check = null)
    {
        var full = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(full) ?? full;
        var temporary = Path.Combine(folder, TemporaryName(Path.GetFileName(full)));
        try
        {
            using var stream = new FileStream(temporary, FileMode.Create, FileAccess.ReadWrite, FileShare.None, bufferSize: 1 << 16);
            try
            {
                write(stream);
                stream.Flush(flushToDisk: true);
                stream.Position = 0;
                check?.Invoke(stream);
                // Renamed while still locked, so that no second writer can open the temporary file in between.
                File.Move(temporary, full, overwrite: true);
                FolderSync.Flush(folder);
            }
            catch
            {
                File.Delete(temporary);
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"Cannot write {path}: {e.Message} Check that the folder exists, is writable and "
                + "has space.", e);
        }
    }

    /// <summary>What a file is called while it is written.</summary>
    public static string TemporaryName(string name) => $".{name}.tmp";
}
