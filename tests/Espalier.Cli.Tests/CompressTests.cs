using System.Text.Json;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class CompressTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public CompressTests() => Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _folder["cache"]);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    [Fact]
    public void Compress_gives_the_stable_keys_and_a_complete_model_folder()
    {
        var run = Compress("--eval", _folder.WriteImages("data", 6, 0, 1, 2, 3, 4, 5));

        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        var keys = json.RootElement.EnumerateObject().Select(p => p.Name).ToList();
        foreach (var key in new[] { "macs_budget_before", "macs_budget_after", "macs_full_before", "macs_full_after", "params_before", "params_after",
            "order", "seconds", "output", "stages", "top1_before", "top1_after", "top5_before", "top5_after" }) keys.ShouldContain(key);
        foreach (var stage in json.RootElement.GetProperty("stages").EnumerateArray())
        {
            stage.GetProperty("stage").GetString().ShouldBeOneOf("cut", "finetuned");
            stage.GetProperty("metric").GetDouble().ShouldBeGreaterThanOrEqualTo(0);
            stage.GetProperty("top1").GetDouble().ShouldBeInRange(0, 1);
        }
        string[] files = ["model.safetensors", "config.json", "preprocessor_config.json", "report.html", "report.json", "samples.txt", "load_in_python.py"];
        foreach (var file in files) File.Exists(Path.Combine(_folder["out"], file)).ShouldBeTrue(file);
        File.ReadAllLines(Path.Combine(_folder["out"], "samples.txt")).Length.ShouldBe(5);
        Directory.Exists(Path.Combine(_folder["out"], "steps")).ShouldBeFalse();

        var inspected = CliRun.Of("inspect", _folder["out"], "--json");
        inspected.Code.ShouldBe(0, inspected.Error);
        using var found = JsonDocument.Parse(inspected.Out);
        found.RootElement.GetProperty("macs_budget").GetInt64().ShouldBe(json.RootElement.GetProperty("macs_budget_after").GetInt64());
        Widths(json.RootElement.GetProperty("structure")).ShouldBe(Widths(found.RootElement.GetProperty("blocks")), "what is told is what was written");

        static IEnumerable<(string?, int, int)> Widths(JsonElement blocks) => blocks.EnumerateArray()
            .Select(b => (b.GetProperty("kind").GetString(), b.GetProperty("heads").GetInt32(), b.GetProperty("mlp_hidden").GetInt32()));
    }

    [Fact]
    public void The_repeat_command_gives_the_same_bytes()
    {
        Compress().Code.ShouldBe(0);
        var first = File.ReadAllBytes(Path.Combine(_folder["out"], "model.safetensors"));
        using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], "report.json")));
        report.RootElement.GetProperty("repeat_command_line").GetString()!.ShouldContain("--steps 2 --synthesis-steps 2 --rank-steps 2");
        Compress("--rank-steps", "2", "--synthesis-steps", "2", "--force").Code.ShouldBe(0);
        File.ReadAllBytes(Path.Combine(_folder["out"], "model.safetensors")).ShouldBe(first);
    }

    [Theory]
    [InlineData(4, "it reaches", "--keep-macs", "0.01")]
    [InlineData(2, "--order 1,1: a block is named twice", "--order", "1,1")]
    [InlineData(2, "there is no such topic", "--switch", "colour=red")]
    [InlineData(2, "--multiple-of does not go with --method dc-vit", "--multiple-of", "8")]
    public void What_cannot_be_done_is_refused_before_anything_is_written(int code, string message, params string[] arguments)
    {
        var run = arguments[0] == "--keep-macs" ? Compress(keep: arguments[1]) : Compress(arguments);
        run.Code.ShouldBe(code, run.Error);
        run.Error.ShouldContain(message);
        run.Error.TrimEnd().Split('\n').Length.ShouldBe(1);
        Directory.Exists(_folder["out"]).ShouldBeFalse();
    }

    [Fact]
    public void A_loss_that_is_not_a_number_fails_and_leaves_no_model()
    {
        var run = Compress("--lr", "1e30", "--feature", "pre_gap");
        run.Code.ShouldBe(1, run.Error);
        run.Error.ShouldContain("The loss became");
        File.Exists(Path.Combine(_folder["out"], "model.safetensors")).ShouldBeFalse();
    }

    [Fact]
    public void An_unreadable_image_is_named()
    {
        var images = _folder.WriteImages("images", 5);
        File.WriteAllText(Path.Combine(images, "3.png"), "not an image");
        var run = Compress();
        run.Code.ShouldBe(3, run.Error);
        run.Error.ShouldContain("3.png");
        File.Exists(Path.Combine(_folder["out"], "model.safetensors")).ShouldBeFalse();
    }

    [Fact]
    public void A_cancelled_run_says_how_to_go_on_and_resume_does()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(700));
        var run = CliRun.Of(Arguments("0.8", ["--steps", "100000"]), null, stop.Token);
        run.Code.ShouldBe(130, run.Error);
        run.Error.ShouldContain($"espalier resume {_folder["out"]}");
        File.Exists(Path.Combine(_folder["out"], "model.safetensors")).ShouldBeFalse();
    }

    [Fact]
    public void Rank_lists_every_candidate_best_first()
    {
        var run = CliRun.Of("rank", _folder.WriteModel(depth: 6), "--keep-macs", "0.8", "--images", _folder.WriteImages("images", 5), "--steps", "2",
            "--precision", "fp32", "--json", "--quiet");
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        var blocks = json.RootElement.GetProperty("blocks").EnumerateArray().ToList();
        blocks.Select(b => b.GetProperty("index").GetInt32()).Order().ShouldBe([1, 2, 3, 4]);
        blocks.Select(b => b.GetProperty("metric").GetDouble()).ShouldBeInOrder();
    }

    [Fact]
    public void Synthesize_writes_pictures_and_the_exact_tensor()
    {
        var run = CliRun.Of("synthesize", _folder.WriteModel(), "-n", "3", "--steps", "2", "-o", _folder["set"], "--quiet");
        run.Code.ShouldBe(0, run.Error);
        Directory.EnumerateFiles(_folder["set"], "*.png").Count().ShouldBe(3);
        File.Exists(Path.Combine(_folder["set"], "metric-set.safetensors")).ShouldBeTrue();
    }

    private CliRun Compress(params string[] more) => Compress("0.8", more);

    private CliRun Compress(string keep, string[]? more = null) => CliRun.Of(Arguments(keep, ["--steps", "2", .. more ?? []]));

    private string[] Arguments(string keep, string[] more)
    {
        if (!Directory.Exists(_folder["images"])) _folder.WriteImages("images", 5);
        var model = Directory.Exists(_folder["model"]) ? _folder["model"] : _folder.WriteModel(depth: 6);
        return ["compress", model, "--keep-macs", keep, "--images", _folder["images"], "--precision", "fp32", "--json", "--quiet",
            "--method", "dc-vit", "-o", _folder["out"], .. more];
    }
}
