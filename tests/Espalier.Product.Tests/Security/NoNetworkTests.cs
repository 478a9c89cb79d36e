using Espalier.Testing;

namespace Espalier.Product.Tests.Security;

/// <summary>At run time no network is used: the commands work in a network namespace that has none, not even the machine's own.</summary>
public sealed class NoNetworkTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void Every_step_from_a_model_to_a_report_works_without_a_network()
    {
        Skip.IfNot(Try("true").Code == 0, "needs unshare and the right to make network namespaces");
        Try("cat /proc/net/dev").Output.Split('\n').Count(l => l.Contains(':')).ShouldBe(1, "nothing but a loopback, and that is down");
        var images = Path.Combine(SharedData.Root, "models", "fashion-vit", "images", "test");

        Espalier("inspect fashion-vit").ShouldContain("fashion");
        Espalier("plan fashion-vit --keep-macs 0.75").ShouldContain("MACs");
        Espalier($"evaluate fashion-vit --data '{images}'").ShouldContain("top-1");
        Espalier($"compress fashion-vit --keep-macs 0.9 --method magnitude --images '{images}' -n 16 --steps 1 -o '{_folder["out"]}'");
        Espalier($"predict '{_folder["out"]}' --images '{Directory.CreateDirectory(_folder["one"]).FullName}'", expected: 3).ShouldBeEmpty();
        Espalier($"export '{_folder["out"]}' -o '{_folder["out.onnx"]}'");
        Espalier($"report '{_folder["out"]}'");
        File.Exists(Path.Combine(_folder["out"], "report.html")).ShouldBeTrue();
        File.ReadAllText(Path.Combine(_folder["out"], "report.html")).ShouldNotContain("src=\"http", customMessage: "nor does the page ask for one");
    }

    private string Espalier(string commandLine, int expected = 0)
    {
        var program = Path.Combine(SharedData.Root, "artifacts", "bin", "Espalier.Cli", ChildProcess.Configuration, "Espalier.Cli.dll");
        var (code, output, error) = Try($"exec dotnet '{program}' {commandLine} --threads 1 --quiet");
        code.ShouldBe(expected, $"{commandLine}\n{output}\n{error}");
        return output;
    }

    // As root a namespace is had for the asking, else together with one of users.
    private (int Code, string Output, string Error) Try(string command) =>
        ChildProcess.Try(_folder.Path, "/bin/bash", "-c", $"root='{SharedData.Root}'; source \"$root/eng/env.sh\"; [[ $(id -u) == 0 ]] && user= || user=-r; exec unshare -n $user /bin/bash -c \"$0\"", command);
}
