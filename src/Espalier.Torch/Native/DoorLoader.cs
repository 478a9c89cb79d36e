using System.Reflection;
using System.Runtime.InteropServices;

namespace Espalier.Torch.Native;

/// <summary>
/// Finds <c>libespalier_torch.so</c>: beside the assemblies, in a package's runtime folder, or in a checkout's build output.
/// </summary>
internal static unsafe class DoorLoader
{
    private const int InterfaceVersion = 1;
    private const string FileName = "libespalier_torch.so";
    private const string Package = "Espalier.Native.linux-x64";
    private static readonly Lazy<nint> s_handle = new(Load); // the resolver is asked once per imported function

    internal static nint Resolve(string library, Assembly assembly, DllImportSearchPath? path) =>
        library == "espalier_torch" ? s_handle.Value : 0;

    private static nint Load()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            throw new TorchException($"Espalier computes on 64-bit x86 Linux only, and this is {RuntimeInformation.RuntimeIdentifier}; "
                + "inspecting and planning work here, the rest on Debian 12 or in its container.");
        var library = Find();
        if (!NativeLibrary.TryGetExport(library, "esp_init", out var init) || ((delegate* unmanaged<int>)init)() != InterfaceVersion)
            throw new TorchException($"{FileName} does not belong to this version; use the {Package} of the same version, or rebuild it "
                + "with ./espalier --version in a checkout.");
        return library;
    }

    private static nint Find()
    {
        var looked = Candidates().ToList();
        var libraryPath = Environment.GetEnvironmentVariable("LD_LIBRARY_PATH");
        foreach (var file in looked.Where(File.Exists))
        {
            SystemBlas.Prefer(libraryPath);
            try
            {
                return NativeLibrary.Load(file);
            }
            catch (DllNotFoundException e)
            {
                throw new TorchException(LoadFailure.Explain(file, e.Message, libraryPath), e);
            }
        }
        throw new TorchException($"{FileName} was not found in {string.Join(", ", looked.Select(Path.GetDirectoryName))}; "
            + $"add the package {Package}, or build it with ./espalier --version in a checkout.");
    }

    private static IEnumerable<string> Candidates()
    {
        var home = AppContext.BaseDirectory;
        yield return Path.Combine(home, FileName);
        yield return Path.Combine(home, "runtimes", "linux-x64", "native", FileName);
        // Where the host found the native files of packages, when they are not copied beside the application.
        var folders = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        foreach (var folder in folders.Split(':', StringSplitOptions.RemoveEmptyEntries))
            if (File.Exists(Path.Combine(folder, FileName))) yield return Path.Combine(folder, FileName);
        for (var dir = new DirectoryInfo(home); dir is not null; dir = dir.Parent)
            if (File.Exists(Path.Combine(dir.FullName, "Espalier.slnx")))
                yield return Path.Combine(dir.FullName, "artifacts", "native", FileName);
    }
}
