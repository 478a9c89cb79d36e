using System.IO.Compression;
using System.Text;
using System.Xml.Linq;
using Espalier.Testing;

namespace Espalier.Product.Tests.Packages;

/// <summary>What is packed is whole, and works in a folder that knows nothing of the repository.</summary>
public sealed class PackageTests(PackedFeed feed) : IClassFixture<PackedFeed>
{
    private const string Version = "0.1.0";
    private static readonly string[] s_libraries = ["Espalier.Torch", "Espalier.Models", "Espalier"];

    [Fact]
    public void One_pack_makes_the_packages_and_no_others() => Directory.GetFiles(feed.Feed).Select(Path.GetFileName).Order(StringComparer.Ordinal).ShouldBe(
    [
        .. new[] { "Espalier", "Espalier.Cli", "Espalier.FashionVit", "Espalier.Models", "Espalier.Native.linux-x64", "Espalier.Torch" }.Select(p => $"{p}.{Version}.nupkg")
            .Concat(s_libraries.Select(p => $"{p}.{Version}.snupkg")).Order(StringComparer.Ordinal),
    ]);

    [Fact]
    public void Each_package_says_what_it_is()
    {
        foreach (var file in Directory.GetFiles(feed.Feed, "*.nupkg"))
        {
            using var package = ZipFile.OpenRead(file);
            var metadata = Nuspec(package);
            string Text(string name) => metadata.Elements().Single(e => e.Name.LocalName == name).Value;
            Text("version").ShouldBe(Version, file);
            Text("license").ShouldStartWith("Apache-2.0", customMessage: file);
            Text("description").Length.ShouldBeGreaterThan(30, file);
            package.GetEntry(Text("icon")).ShouldNotBeNull(file).Length.ShouldBeLessThan(10_000);
            package.GetEntry(Text("readme")).ShouldNotBeNull(file).Length.ShouldBeGreaterThan(200);
        }
    }

    [Fact]
    public void Each_floor_brings_the_one_below_and_the_door_comes_with_the_lowest()
    {
        Dependencies("Espalier").ShouldContain("Espalier.Models");
        Dependencies("Espalier.Models").ShouldContain("Espalier.Torch");
        Dependencies("Espalier.Torch").ShouldBe(["Espalier.Native.linux-x64"]);
        using var native = Open("Espalier.Native.linux-x64");
        native.GetEntry("runtimes/linux-x64/native/libespalier_torch.so").ShouldNotBeNull();
        native.Entries.ShouldNotContain(e => e.FullName.EndsWith(".dll", StringComparison.Ordinal));
    }

    [Fact]
    public void Libraries_bring_their_documentation_and_their_symbols()
    {
        foreach (var library in s_libraries)
        {
            using var package = Open(library);
            package.GetEntry($"lib/net10.0/{library}.xml").ShouldNotBeNull(library);
            using var symbols = ZipFile.OpenRead(Path.Combine(feed.Feed, $"{library}.{Version}.snupkg"));
            symbols.GetEntry($"lib/net10.0/{library}.pdb").ShouldNotBeNull(library);
        }
    }

    [Fact]
    public void Twenty_lines_in_a_clean_folder_compress_the_bundled_model()
    {
        var folder = feed.Clean("app");
        ChildProcess.Run(folder, "dotnet", "new", "console", "--no-restore");
        foreach (var package in new[] { "Espalier", "Espalier.FashionVit" }) ChildProcess.Run(folder, "dotnet", "add", "package", package, "--version", Version, "--no-restore");
        File.Copy(Path.Combine(SharedData.Root, "samples", "CompressCheckpoint", "Program.cs"), Path.Combine(folder, "Program.cs"), overwrite: true);
        ChildProcess.Run(folder, "dotnet", "build", "-c", "Release", "-v", "q", "--nologo");
        var built = Path.Combine(folder, "bin", "Release", "net10.0");

        var output = ChildProcess.Run(folder, "dotnet", Path.Combine(built, "app.dll"), "fashion-vit", Path.Combine(built, "models/fashion-vit/images/unlabelled"), "small", "0.1");

        output.ShouldContain("repaired: KL");
        ((double)EspalierModel.Open(Path.Combine(folder, "small")).Cost.MacsBudget).ShouldBeInRange(0.7 * 79_180_032, 0.75 * 79_180_032);

        // What the first page of the documentation shows works in the same folder, as typed but for the minute.
        Directory.Delete(Path.Combine(folder, "small"), recursive: true);
        var shown = CodeBlock.Of("docs/getting-started.md").Single(b => b.Language == "csharp").Text;
        shown.ShouldContain("TimeSpan.FromMinutes(1)");
        File.WriteAllText(Path.Combine(folder, "Program.cs"), shown.Replace("TimeSpan.FromMinutes(1)", "TimeSpan.FromSeconds(6)"));
        ChildProcess.Run(folder, "dotnet", "run", "-c", "Release").ShouldContain(" MACs");
        EspalierModel.Open(Path.Combine(folder, "small")).Cost.MacsBudget.ShouldBeLessThan(79_180_032);
    }

    [Fact]
    public void The_tool_works_outside_the_repository()
    {
        var (folder, tool) = Install("tool");

        ChildProcess.Run(folder, tool, "inspect", "fashion-vit", "--json").ShouldContain("1596426");

        var images = Directory.GetDirectories(folder, "images", SearchOption.AllDirectories).Single(d => d.EndsWith("fashion-vit/images", StringComparison.Ordinal));
        ChildProcess.Run(folder, tool, "evaluate", "fashion-vit", "--data", Path.Combine(images, "test"), "--threads", "1", "--quiet").ShouldContain("top-1 94.00 %");
    }

    [Fact]
    public void The_tool_without_libtorch_says_how_to_install_it()
    {
        var (folder, tool) = Install("without");
        var door = Directory.GetFiles(folder, "libespalier_torch.so", SearchOption.AllDirectories).Single();
        // As on a machine that has no libtorch: the door asks for one that is not there.
        var bytes = File.ReadAllBytes(door);
        Encoding.ASCII.GetBytes("libc99.so").CopyTo(bytes, bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes("libc10.so")));
        File.WriteAllBytes(door, bytes);

        ChildProcess.Run(folder, tool, "inspect", "fashion-vit", "--json").ShouldContain("1596426"); // reads and counts, no more

        var (code, _, error) = ChildProcess.Try(folder, tool, "bench", "fashion-vit", "--quiet");
        code.ShouldBe(1);
        error.TrimEnd().ShouldNotContain('\n');
        error.ShouldStartWith($"espalier: libtorch is missing: {door} needs libc99.so");
        error.ShouldContain("LD_LIBRARY_PATH (empty)");
    }

    private (string Folder, string Tool) Install(string name)
    {
        var folder = feed.Clean(name);
        ChildProcess.Run(folder, "dotnet", "tool", "install", "Espalier.Cli", "--version", Version, "--tool-path", "tools");
        return (folder, Path.Combine(folder, "tools", "espalier"));
    }

    private List<string> Dependencies(string package)
    {
        using var opened = Open(package);
        return [.. Nuspec(opened).Descendants().Where(e => e.Name.LocalName == "dependency").Select(e => e.Attribute("id")!.Value)];
    }

    private ZipArchive Open(string package) => ZipFile.OpenRead(Path.Combine(feed.Feed, $"{package}.{Version}.nupkg"));

    private static XElement Nuspec(ZipArchive package)
    {
        using var stream = package.Entries.Single(e => e.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        return XDocument.Load(stream).Root!.Elements().Single();
    }
}
