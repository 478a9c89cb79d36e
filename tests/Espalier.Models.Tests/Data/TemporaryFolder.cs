namespace Espalier.Models.Tests.Data;

/// <summary>A folder of its own for one test, removed afterwards.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("espalier-").FullName;

    /// <summary>Copies a fixture image to <paramref name="name"/>, making the folders between.</summary>
    public void AddImage(string name, string fixture = "rgb.jpg")
    {
        var target = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(target)!);
        File.Copy(Golden.Fixture(fixture), target);
    }

    public string AddText(string name, string text)
    {
        var target = System.IO.Path.Combine(Path, name);
        File.WriteAllText(target, text);
        return target;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
