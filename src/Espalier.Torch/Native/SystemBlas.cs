using System.Runtime.InteropServices;

namespace Espalier.Torch.Native;

/// <summary>
/// Chooses the BLAS for Debian's libtorch by loading it first: the openmp OpenBLAS obeys torch's thread count, the pthread one spins
/// against torch's own threads (twice as slow), and the reference BLAS is twenty times slower. A library of the same name that is loaded already
/// is what libtorch gets, so the system's alternatives stay as they are.
/// </summary>
internal static class SystemBlas
{
    private const string Folder = "/usr/lib/x86_64-linux-gnu/openblas-openmp";

    /// <summary>In the order of their needs.</summary>
    private static readonly string[] s_libraries = ["libopenblas.so.0", "libblas.so.3", "liblapack.so.3"];

    /// <summary>Loads it where it is installed, unless <c>LD_LIBRARY_PATH</c> names a BLAS of its own.</summary>
    internal static void Prefer(string? libraryPath)
    {
        if ((libraryPath ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Any(folder => File.Exists(Path.Combine(folder, "libblas.so.3")))) return;
        // One that is not there, or does not load, leaves the system's choice.
        foreach (var library in s_libraries)
            if (!NativeLibrary.TryLoad(Path.Combine(Folder, library), out _)) return;
    }
}
