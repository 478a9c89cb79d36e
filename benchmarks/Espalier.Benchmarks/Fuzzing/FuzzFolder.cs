namespace Espalier.Benchmarks.Fuzzing;

/// <summary>Where inputs lie while they are read; in memory where the system has such a place. Beside it stand files that no input may reach.</summary>
internal sealed class FuzzFolder : IDisposable
{
    private readonly string _outer = Directory.CreateDirectory(
        System.IO.Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : System.IO.Path.GetTempPath(), $"espalier-fuzz-{Guid.NewGuid():N}")).FullName;

    public FuzzFolder() => Path = Directory.CreateDirectory(System.IO.Path.Combine(_outer, "inside")).FullName;

    /// <summary>The folder whose files inputs may name.</summary>
    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>A file outside that would be good, if it were inside.</summary>
    public void Outside(string name, byte[] bytes) => File.WriteAllBytes(System.IO.Path.Combine(_outer, name), bytes);

    public string Write(string name, byte[] bytes)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[name])!);
        File.WriteAllBytes(this[name], bytes);
        return this[name];
    }

    /// <summary>Throws if a path leads out of the folder.</summary>
    public void RequireInside(string path)
    {
        if (!System.IO.Path.GetFullPath(path).StartsWith(Path + "/", StringComparison.Ordinal)) throw new InvalidOperationException($"{path} was let in, which lies outside");
    }

    public void Dispose() => Directory.Delete(_outer, recursive: true);
}
