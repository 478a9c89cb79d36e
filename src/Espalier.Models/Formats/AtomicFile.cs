using System.Text;

namespace Espalier.Models.Formats;

/// <summary>
/// Writes files that appear whole or not at all: to a temporary file in the same folder, flushed to the disk, then renamed.
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

    /// <summary>
    /// Lets <paramref name="write"/> fill the file and <paramref name="check"/> read it back, under its temporary name and from the
    /// start; nothing appears at <paramref name="path"/> if either throws.
    /// </summary>
    /// <exception cref="FailureException">The file cannot be written: no such folder, no permission, disk full.</exception>
    public static void Write(string path, Action<Stream> write, Action<FileStream>? check = null)
    {
        var full = Path.GetFullPath(path);
        var temporary = Path.Combine(Path.GetDirectoryName(full) ?? full, $".{Path.GetFileName(full)}.tmp");
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
}
