using Espalier.Testing;

namespace Espalier.Product.Tests.Packages;

/// <summary>All packages, packed once into a local feed, and a configuration that finds nothing of ours elsewhere.</summary>
public sealed class PackedFeed : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public PackedFeed()
    {
        Feed = Directory.CreateDirectory(_folder["feed"]).FullName;
        ChildProcess.Run(SharedData.Root, "dotnet", "msbuild", "Espalier.slnx", "-t:Pack", "-v:q", "-nologo", "-m:1",
            $"-p:Configuration={ChildProcess.Configuration}", "-p:NoBuild=true", $"-p:PackageOutputPath={Feed}");
        // Third-party packages come from the machine's cache, which is a feed itself: no network. Ours go to a cache of this run's own.
        var cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        _folder.Write("nuget.config", $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="{_folder["packages"]}" /></config>
              <packageSources><clear /><add key="ours" value="{Feed}" /><add key="theirs" value="{cache}" /></packageSources>
              <packageSourceMapping>
                <packageSource key="ours"><package pattern="Espalier" /><package pattern="Espalier.*" /></packageSource>
                <packageSource key="theirs"><package pattern="*" /></packageSource>
              </packageSourceMapping>
            </configuration>
            """);
    }

    /// <summary>The folder of the packages.</summary>
    public string Feed { get; }

    /// <summary>A folder outside the repository that uses the feed.</summary>
    public string Clean(string name) => Directory.CreateDirectory(_folder[name]).FullName;

    public void Dispose() => _folder.Dispose();
}
