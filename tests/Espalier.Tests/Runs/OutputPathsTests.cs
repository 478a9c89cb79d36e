using Espalier.Runs;
using Espalier.Testing;

namespace Espalier.Tests.Runs;

public sealed class OutputPathsTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public OutputPathsTests()
    {
        _temporary.Write("run/steps/one/file", "x");
        _temporary.Write("run/kept/file", "x");
        _temporary.Write("runs/file", "x");
        Directory.CreateSymbolicLink(_temporary["link"], _temporary["run"]);
        Directory.CreateSymbolicLink(_temporary["run/out"], _temporary["runs"]);
        File.CreateSymbolicLink(_temporary["round"], _temporary["round"]);
    }

    public void Dispose() => _temporary.Dispose();

    [Theory]
    [InlineData("run", "run", true)]
    [InlineData("run", "run/", true)]
    [InlineData("run", "run/steps/one/file", true)]
    [InlineData("run", "run/steps/../steps/one", true)]
    [InlineData("run", "run/kept/file", false)]
    [InlineData("run", "runs/file", false)]
    [InlineData("run", ".", false)]
    [InlineData("run", "nothing/file", false)]
    [InlineData("run", "round", false)]
    [InlineData("run", "run/steps/not/there", true)]
    [InlineData("run", "link/steps/one/file", true)]
    [InlineData("run", "link", true)]
    [InlineData("link", "run/steps/one/file", true)]
    [InlineData("link", "run/kept/file", false)]
    [InlineData("run", "run/out/file", true)]
    [InlineData("runs", "run/out/file", true)]
    public void A_path_is_found_where_it_is_removed(string folder, string path, bool found) =>
        (OutputPaths.FirstWithin(_temporary[folder], [_temporary["runs/other"], _temporary[path]], entry => entry != "kept" && entry != "other") is not null)
            .ShouldBe(found);
}
