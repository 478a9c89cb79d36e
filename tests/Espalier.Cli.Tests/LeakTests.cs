using Espalier.Testing;
using Espalier.Torch;

namespace Espalier.Cli.Tests;

/// <summary>Every command gives back every tensor it made, also when it fails or is cancelled.</summary>
[Collection(TorchCollection.Name)]
public sealed class LeakTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public LeakTests() => Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _folder["cache"]);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    [Theory]
    [InlineData("inspect MODEL")]
    [InlineData("plan MODEL --keep-macs 0.75")]
    [InlineData("plan MODEL --keep-macs 0.75 --method espalier --images IMAGES -n 8")]
    [InlineData("synthesize MODEL -n 4 --steps 2 -o OUT")]
    [InlineData("rank MODEL --keep-macs 0.75 --method dc-vit --images IMAGES -n 8 --steps 2")]
    [InlineData("compress MODEL --keep-macs 0.75 --images IMAGES -n 8 --steps 2 --eval DATA -o OUT")]
    [InlineData("compress MODEL --keep-macs 0.75 --method dc-vit --images IMAGES -n 8 --steps 2 --synthesis-steps 2 -o OUT")]
    [InlineData("compress MODEL --keep-macs 0.75 --method magnitude --images IMAGES -n 8 --steps 2 -o OUT")]
    [InlineData("search MODEL --keep-macs 0.7 --data DATA --steps 8 --batch 4 -o OUT")]
    [InlineData("sweep MODEL --from 0.9 --to 0.7 --points 2 --images IMAGES -n 8 --steps 2 -o OUT")]
    [InlineData("train MODEL --data DATA --steps 4 --batch 4 -o OUT")]
    [InlineData("finetune MODEL --data DATA --steps 4 --batch 4 -o OUT")]
    [InlineData("evaluate MODEL --data DATA --against MODEL")]
    [InlineData("predict MODEL --images IMAGES")]
    [InlineData("bench MODEL --against MODEL --runs 3")]
    [InlineData("export MODEL -o OUT.onnx")]
    public void Live_tensors_return_to_their_base(string commandLine)
    {
        var arguments = Arguments(commandLine);
        var before = Base();
        var run = CliRun.Of([.. arguments, "--threads", "1", "--quiet"]);
        run.Code.ShouldBe(0, run.Error);
        Tensor.LiveCount.ShouldBe(before);
    }

    [Theory]
    [InlineData("compress MODEL --keep-macs 0.75 --images IMAGES -n 8 --steps 2 -o OUT")]
    [InlineData("train MODEL --data DATA --steps 4 --batch 4 -o OUT")]
    [InlineData("evaluate MODEL --data DATA")]
    public void So_they_do_when_it_is_cancelled_or_an_image_is_bad(string commandLine)
    {
        var arguments = Arguments(commandLine);
        var before = Base();
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        CliRun.Of([.. arguments, "--threads", "1"], null, cancelled.Token).Code.ShouldBe(ExitCodes.Cancelled);
        foreach (var folder in new[] { "images", "data" }) File.WriteAllText(_folder[$"{folder}/0.png"], "not a picture");
        CliRun.Of([.. arguments, "--threads", "1", .. commandLine.Contains("OUT") ? new[] { "--force" } : []]).Code.ShouldNotBe(ExitCodes.Cancelled);
        Tensor.LiveCount.ShouldBe(before);
    }

    // What other tests left to the finalizers goes first: it would be counted as given back here.
    private static long Base()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Tensor.LiveCount;
    }

    private string[] Arguments(string commandLine)
    {
        var places = new Dictionary<string, string>
        {
            ["MODEL"] = _folder.WriteModel(depth: 4), ["IMAGES"] = _folder.WriteImages("images", 12), ["DATA"] = _folder.WriteImages("data", 12, [.. Enumerable.Range(0, 12).Select(i => i % TinyModel.Classes)]),
            ["OUT"] = _folder["out"], ["OUT.onnx"] = _folder["out.onnx"],
        };
        return [.. commandLine.Split(' ').Select(word => places.GetValueOrDefault(word, word))];
    }
}
