using System.Runtime.InteropServices;

namespace Espalier.Models.Formats;

/// <summary>
/// Brings the names in a folder to the disk: a file that was flushed and renamed is lost by a power cut all the same as long as only memory knows its
/// new name.
/// </summary>
internal static partial class FolderSync
{
    private const int DirectoryOnly = 0x10000, CloseOnExec = 0x80000, DeviceError = 5;

    /// <summary>Waits until the disk has the folder's names. File systems that cannot do it for folders are passed over.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    internal static void Flush(string folder)
    {
        if (!OperatingSystem.IsLinux()) return;
        var handle = Open(folder, DirectoryOnly | CloseOnExec);
        if (handle < 0) return; // a folder one may write in but not list
        var (failed, error) = (Sync(handle) != 0, Marshal.GetLastPInvokeError());
        _ = Close(handle);
        if (failed && error == DeviceError) throw new IOException($"the disk of '{folder}' reports an error");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
