using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Espalier.Testing;

namespace Espalier.Product.Tests.Security;

/// <summary>What is built in is known to the byte, and listed.</summary>
public sealed partial class SupplyChainTests
{
    private static readonly string s_root = SharedData.Root;

    [Fact]
    public void Every_project_has_locked_packages_and_a_build_server_goes_by_them()
    {
        var projects = Project().Matches(File.ReadAllText(Path.Combine(s_root, "Espalier.slnx"))).Select(m => m.Groups[1].Value).ToList();
        projects.Count.ShouldBeGreaterThan(10);
        foreach (var project in projects) File.Exists(Path.Combine(s_root, Path.GetDirectoryName(project)!, "packages.lock.json")).ShouldBeTrue(project);
        var settings = File.ReadAllText(Path.Combine(s_root, "Directory.Build.props"));
        settings.ShouldContain("<RestorePackagesWithLockFile>true<");
        settings.ShouldContain("<RestoreLockedMode Condition=\"'$(CI)' == 'true'\">true<");
    }

    [Theory]
    [InlineData("charts")]
    [InlineData("onnxruntime")]
    public void Every_npm_package_is_pinned_by_version_and_hash(string folder)
    {
        var packages = JsonNode.Parse(File.ReadAllText(Path.Combine(s_root, "eng", folder, "package-lock.json")))!["packages"]!.AsObject();
        packages.Count.ShouldBeGreaterThan(1);
        foreach (var (name, package) in packages.Where(p => p.Key.Length > 0))
        {
            ((string?)package!["integrity"]).ShouldNotBeNull(name).ShouldStartWith("sha512-");
            ((string?)package["version"]).ShouldNotBeNullOrEmpty(name);
        }
        // Nothing a package brings is run when it is installed.
        foreach (var script in new[] { "charts.sh", "node.sh" }) File.ReadAllText(Path.Combine(s_root, "eng", script)).ShouldContain("npm ci --ignore-scripts");
    }

    [SkippableFact]
    public void The_bill_of_materials_lists_every_package_with_its_hash()
    {
        Skip.IfNot(File.Exists("/usr/bin/python3"), "needs /usr/bin/python3");
        var text = ChildProcess.Run(s_root, Path.Combine(s_root, "eng", "sbom.sh"));
        text.ShouldBe(ChildProcess.Run(s_root, Path.Combine(s_root, "eng", "sbom.sh")), "the same packages, the same bytes");
        using var bill = JsonDocument.Parse(text);
        bill.RootElement.GetProperty("bomFormat").GetString().ShouldBe("CycloneDX");
        bill.RootElement.GetProperty("specVersion").GetString().ShouldBe("1.5");
        var components = bill.RootElement.GetProperty("components").EnumerateArray().ToList();
        var listed = components.Select(c => c.GetProperty("purl").GetString()!).ToHashSet();
        listed.Count.ShouldBe(components.Count, "each once");
        foreach (var component in components)
            if (!component.GetProperty("purl").GetString()!.StartsWith("pkg:deb/", StringComparison.Ordinal))
                component.GetProperty("hashes")[0].GetProperty("content").GetString()!.Length.ShouldBe(128);

        foreach (var file in Directory.GetFiles(Path.Combine(s_root, "src"), "packages.lock.json", SearchOption.AllDirectories))
            foreach (var (name, package) in JsonNode.Parse(File.ReadAllText(file))!["dependencies"]!["net10.0"]!.AsObject())
                if ((string)package!["type"]! != "Project") listed.ShouldContain($"pkg:nuget/{name}@{package["resolved"]}");
        foreach (var folder in new[] { "charts", "onnxruntime" })
            foreach (var (path, package) in JsonNode.Parse(File.ReadAllText(Path.Combine(s_root, "eng", folder, "package-lock.json")))!["packages"]!.AsObject().Where(p => p.Key.Length > 0))
                listed.ShouldContain($"pkg:npm/{path[(path.LastIndexOf("node_modules/", StringComparison.Ordinal) + 13)..].Replace("@", "%40")}@{package!["version"]}");
    }

    [GeneratedRegex("<Project Path=\"([^\"]+)\"")]
    private static partial Regex Project();
}
