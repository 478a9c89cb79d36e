using System.Text.Json;
using Espalier.Cli.Commands;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class SearchTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_search_leaves_a_model_within_its_target_that_every_command_takes()
    {
        var run = Search(["--steps", "12", "--eval", Labelled("test", 12)]);
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        var root = json.RootElement;
        root.GetProperty("stages").EnumerateArray().Select(s => s.GetProperty("stage").GetString()).ShouldBe(["cut", "finetuned"]);
        foreach (var stage in root.GetProperty("stages").EnumerateArray())
        {
            stage.GetProperty("top1").GetDouble().ShouldBeInRange(0, 1);
            stage.GetProperty("metric").GetDouble().ShouldBeInRange(0, 10);
        }
        foreach (var key in new[] { "top1_before", "top1_after", "top5_before", "top5_after", "seconds", "params_before", "order", "output" })
            root.TryGetProperty(key, out _).ShouldBeTrue(key);
        var (before, after) = (root.GetProperty("macs_full_before").GetInt64(), root.GetProperty("macs_full_after").GetInt64());
        ((double)after).ShouldBeInRange(0.97 * 0.5 * before, 0.5 * before * (1 + 1e-8));

        using var inspected = JsonDocument.Parse(CliRun.Of("inspect", _folder["out"], "--json").Out);
        inspected.RootElement.GetProperty("macs_full").GetInt64().ShouldBe(after);
        inspected.RootElement.GetProperty("params").GetInt64().ShouldBe(root.GetProperty("params_after").GetInt64());
        File.ReadAllText(Path.Combine(_folder["out"], "report.html")).ShouldContain("Residual width");
        Directory.Exists(Path.Combine(_folder["out"], "steps")).ShouldBeFalse();

        CliRun.Of("evaluate", _folder["out"], "--data", _folder["test"], "--json", "--quiet").Code.ShouldBe(0);
        CliRun.Of("bench", _folder["out"], "--against", _folder["model"], "--threads", "1", "--json", "--quiet").Code.ShouldBe(0);
        foreach (var method in new[] { "espalier", "dc-vit" })
        {
            // dc-vit needs alike blocks: one is always that.
            string[] blocks = method == "dc-vit" ? ["--blocks", "1"] : [];
            var smaller = CliRun.Of(["compress", _folder["out"], "--keep-macs", "0.85", "--method", method, "--images", _folder["test"], "--steps", "2",
                "--precision", "fp32", "--quiet", "--json", "-o", _folder[method], .. blocks]);
            smaller.Code.ShouldBe(0, smaller.Error);
        }
    }

    [Fact]
    public void The_same_search_gives_the_same_bytes_also_when_it_was_stopped_after_a_cut()
    {
        Search(["--steps", "20"]).Code.ShouldBe(0);
        var whole = Files();
        using var stop = new CancellationTokenSource();
        using var progress = new StopAt("search: width", stop);
        string[] verbose = [.. Arguments(["--steps", "20", "--force", "--verbose"]).Where(a => a != "--quiet")];
        EspalierApp.Run(verbose, new CliStreams(TextWriter.Null, progress), CommandTable.All(), stop.Token).ShouldBe(ExitCodes.Cancelled);
        File.Exists(Path.Combine(_folder["out"], "model.safetensors")).ShouldBeFalse();
        CliRun.Of("resume", _folder["out"], "--quiet").Code.ShouldBe(0);
        Files().ShouldBe(whole);

        List<byte[]> Files() => [.. new[] { "model.safetensors", "config.json" }.Select(f => File.ReadAllBytes(Path.Combine(_folder["out"], f)))];
    }

    [Fact]
    public void Progress_tells_costs_and_decisions()
    {
        var run = CliRun.Of([.. Arguments(["--steps", "12"]).Where(a => a != "--quiet"), "--verbose"]);
        run.Code.ShouldBe(0, run.Error);
        run.Error.ShouldContain("of the target");
        run.Error.ShouldContain("decided, λ ");
        run.Error.ShouldContain("search: width ");
        run.Error.ShouldContain("all sizes decided after");
    }

    [Fact]
    public void What_does_not_fit_is_said_before_anything_is_done()
    {
        Search(["--ema", "0.9"]).ErrorLine.ShouldContain("--ema belongs to train and finetune");
        Search(["--switch", "colour=red"]).ErrorLine.ShouldContain("the topics are cost, embed, guard");
        var other = CliRun.Of("search", _folder["model"], "--keep-macs", "0.5", "--data", _folder.WriteImages("two", 6, 0, 1, 0, 1, 0, 1), "--steps", "2", "-o", _folder["other"], "--quiet");
        (other.Code, other.ErrorLine.Contains("the model 6; finetune")).ShouldBe((ExitCodes.Input, true));
        CliRun.Of("compress", _folder["model"], "--keep-macs", "0.5", "--method", "ofb", "-o", _folder["c"]).ErrorLine.ShouldContain("espalier search MODEL");
        CliRun.Of("search", _folder["model"], "--keep-macs", "0.01", "--data", _folder["data"], "-o", _folder["c"]).Code.ShouldBe(ExitCodes.Budget);
    }

    [Theory]
    [InlineData("0.3G", ExitCodes.Budget)]
    [InlineData("1.0G", ExitCodes.Ok)]
    [InlineData("1.7G", ExitCodes.Ok)]
    [InlineData("3.6G", ExitCodes.Ok)]
    public void Plan_tells_the_reachable_range(string macs, int code)
    {
        var run = CliRun.Of("plan", "deit_small_patch16_224", "--count", "full", "--macs", macs, "--method", "ofb", "--json");
        run.Code.ShouldBe(code, run.Error);
        if (code != ExitCodes.Ok)
        {
            run.ErrorLine.ShouldContain("465,582,336");
            return;
        }
        using var json = JsonDocument.Parse(run.Out);
        var root = json.RootElement;
        root.GetProperty("reach").GetProperty("least").GetInt64().ShouldBe(465_582_336);
        var submodules = root.GetProperty("submodules").EnumerateArray().ToDictionary(s => s.GetProperty("name").GetString()!, s => s.GetProperty("candidates").GetInt32());
        (submodules["embed"], submodules["blocks.11.attn"], submodules["blocks.0.mlp"], submodules.Count).ShouldBe((17, 21, 7, 25));
        var option = root.GetProperty("options")[root.GetProperty("chosen").GetInt32()];
        option.GetProperty("macs_full").GetDouble().ShouldBeLessThanOrEqualTo(root.GetProperty("target_macs").GetDouble());
        CliRun.Of("plan", "deit_small_patch16_224", "--count", "full", "--macs", macs, "--method", "ofb").Out.ShouldContain("Within reach");
    }

    /// <summary>Cancels when a line says something.</summary>
    private sealed class StopAt(string text, CancellationTokenSource stop) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            if (value?.Contains(text) == true) stop.Cancel();
        }
    }

    private CliRun Search(string[] more) => CliRun.Of(Arguments(more));

    private string[] Arguments(string[] more)
    {
        if (!Directory.Exists(_folder["model"])) _folder.WriteModel();
        if (!Directory.Exists(_folder["data"])) Labelled("data", 40);
        return ["search", _folder["model"], "--keep-macs", "0.5", "--count", "full", "--data", _folder["data"], "--batch", "8", "--precision", "fp32", "--threads", "1",
            "--json", "--quiet", "-o", _folder["out"], .. more];
    }

    private string Labelled(string name, int count) => _folder.WriteImages(name, count, [.. Enumerable.Range(0, count).Select(i => i % TinyModel.Classes)]);
}
