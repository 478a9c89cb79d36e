using System.Reflection;
using System.Runtime.InteropServices;

namespace Espalier.Torch.Native;

/// <summary>
/// Finds <c>libespalier_torch.so</c> and <c>libespalier_group.so</c>: beside the assemblies, in a package's runtime folder, or in a checkout's
/// build output.
/// </summary>
internal static unsafe class DoorLoader
{
    private const int InterfaceVersion = 3; // kInterface in native/boundary.h
    private const string FileName = "libespalier_torch.so";
    private const string GroupFileName = "libespalier_group.so";
    private const string Package = "Espalier.Native.linux-x64";
    private static readonly Lazy<nint> s_handle = new(LoadDoor); // the resolver is asked once per imported function
    private static readonly Lazy<nint> s_group = new(LoadGroup);

    internal static nint Resolve(string library, Assembly assembly, DllImportSearchPath? path) => library switch
    {
        "espalier_torch" => s_handle.Value,
        "espalier_group" => s_group.Value,
        _ => 0,
    };

    private static nint LoadDoor()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            throw new TorchException($"Espalier computes on 64-bit x86 Linux only, and this is {RuntimeInformation.RuntimeIdentifier}; "
                + "inspecting and planning work here, the rest on Debian 12 or in its container.");
        return Load(FileName, "esp_init", $"add the package {Package}, or build it with ./espalier --version in a checkout.");
    }

    private static nint LoadGroup()
    {
        _ = s_handle.Value; // chooses the BLAS before libtorch is loaded
        return Load(GroupFileName, "esp_group_init", "several processes need Gloo's headers when the native side is built: "
            + "sudo apt-get install libgloo-dev, then rebuild with ./espalier --version in a checkout.");
    }

    private static nint Load(string fileName, string init, string advice)
    {
        var library = Find(fileName, advice);
        if (!NativeLibrary.TryGetExport(library, init, out var version) || ((delegate* unmanaged<int>)version)() != InterfaceVersion)
            throw new TorchException($"{fileName} does not belong to this version; use the {Package} of the same version, or rebuild it "
                + "with ./espalier --version in a checkout.");
        return library;
    }

    private static nint Find(string fileName, string advice)
    {
        var looked = Candidates(fileName).ToList();
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
        throw new TorchException($"{fileName} was not found in {string.Join(", ", looked.Select(Path.GetDirectoryName))}; {advice}");
    }

    private static IEnumerable<string> Candidates(string fileName)
    {
        var home = AppContext.BaseDirectory;
        yield return Path.Combine(home, fileName);
        yield return Path.Combine(home, "runtimes", "linux-x64", "native", fileName);
        // Where the host found the native files of packages, when they are not copied beside the application.
        var folders = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        foreach (var folder in folders.Split(':', StringSplitOptions.RemoveEmptyEntries))
            if (File.Exists(Path.Combine(folder, fileName))) yield return Path.Combine(folder, fileName);
        for (var dir = new DirectoryInfo(home); dir is not null; dir = dir.Parent)
            if (File.Exists(Path.Combine(dir.FullName, "Espalier.slnx")))
                yield return Path.Combine(dir.FullName, "artifacts", "native", fileName);
    }
}
