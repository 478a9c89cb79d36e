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
    private static readonly Lazy<nint> s_handle = new(Load); // the resolver is asked once per imported function

    internal static nint Resolve(string library, Assembly assembly, DllImportSearchPath? path) =>
        library == "espalier_torch" ? s_handle.Value : 0;

    private static nint Load()
    {
        var library = Find();
        if (!NativeLibrary.TryGetExport(library, "esp_init", out var init) || ((delegate* unmanaged<int>)init)() != InterfaceVersion)
            throw new TorchException($"{FileName} does not belong to this version; rebuild it with ./espalier --version in a checkout.");
        return library;
    }

    private static nint Find()
    {
        var looked = Candidates().ToList();
        foreach (var file in looked.Where(File.Exists))
        {
            try
            {
                return NativeLibrary.Load(file);
            }
            catch (DllNotFoundException e)
            {
                throw new TorchException($"{file} was found but cannot be loaded ({e.Message.Split('\n')[0].Trim()}); " +
                    "install libtorch (Debian: apt-get install libtorch-dev) or rebuild with ./espalier --version.", e);
            }
        }
        throw new TorchException($"{FileName} was not found in {string.Join(", ", looked.Select(Path.GetDirectoryName))}; " +
            "build it with ./espalier --version in a checkout.");
    }

    private static IEnumerable<string> Candidates()
    {
        var home = AppContext.BaseDirectory;
        yield return Path.Combine(home, FileName);
        yield return Path.Combine(home, "runtimes", "linux-x64", "native", FileName);
        for (var dir = new DirectoryInfo(home); dir is not null; dir = dir.Parent)
            if (File.Exists(Path.Combine(dir.FullName, "Espalier.slnx")))
                yield return Path.Combine(dir.FullName, "artifacts", "native", FileName);
    }
}
