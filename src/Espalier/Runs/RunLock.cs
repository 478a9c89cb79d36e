namespace Espalier.Runs;

/// <summary>Keeps a second process out of a run folder. The system drops the lock when the process ends, however it ends.</summary>
internal sealed class RunLock : IDisposable
{
    internal const string FileName = ".lock";

    private readonly FileStream _stream;

    private RunLock(FileStream stream) => _stream = stream;

    internal static RunLock Take(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            while (true)
            {
                var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                if (!IsRemoved(stream)) return new RunLock(stream);
                stream.Dispose();
            }
        }
        catch (IOException error) when (IsHeldElsewhere(error))
        {
            throw new UsageException($"Another process is working in '{folder}'; wait for it to end or choose another output folder.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"Cannot write in '{folder}': {error.Message} Choose another output folder.", error);
        }
    }

    public void Dispose()
    {
        try { File.Delete(_stream.Name); }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException) { /* a left-over lock file does no harm */ }
        _stream.Dispose();
    }

    // The holder before removed the file after it was opened here: a third process would lock another file of that name.
    private static bool IsRemoved(FileStream stream) => OperatingSystem.IsLinux()
        && new FileInfo($"/proc/self/fd/{stream.SafeFileHandle.DangerousGetHandle()}").LinkTarget?.EndsWith(" (deleted)", StringComparison.Ordinal) == true;

    /// <summary>EAGAIN on Linux, a sharing violation elsewhere.</summary>
    private static bool IsHeldElsewhere(IOException error) => error.HResult is 11 or unchecked((int)0x80070020);
}
