using System.Text.Json;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

/// <summary>The commands on convolutional networks.</summary>
public sealed class CnnTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public CnnTests() => Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _folder["cache"]);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    [Fact]
    public void Inspect_shows_channels_in_place_of_heads()
    {
        using var json = JsonDocument.Parse(CliRun.Of("inspect mobilenetv2_100 --json").Out);
        var root = json.RootElement;
        (root.GetProperty("params").GetInt64(), root.GetProperty("macs_full").GetInt64()).ShouldBe((3_504_872, 300_774_272));
        var block = root.GetProperty("blocks")[1];
        string[] keys = ["kind", "heads", "inputs", "hidden", "outputs", "stride"];
        keys.Select(k => block.GetProperty(k).ToString()).ShouldBe(["inverted_residual", "0", "16", "96", "24", "2"]);
        var text = CliRun.Of("inspect resnet18").Out;
        text.ShouldContain("stride");
        text.ShouldNotContain("heads");
        text.ShouldNotContain("patch");
    }

    [Fact]
    public void Plan_lists_what_can_go()
    {
        using var dropped = JsonDocument.Parse(CliRun.Of("plan resnet34 --keep-macs 0.75 --json").Out);
        dropped.RootElement.GetProperty("options")[0].GetProperty("blocks").GetInt32().ShouldBe(4);
        using var dense = JsonDocument.Parse(CliRun.Of("plan resnet34 --keep-macs 0.75 --variant cnn-dense --json").Out);
        var root = dense.RootElement;
        var chosen = root.GetProperty("options")[root.GetProperty("chosen").GetInt32()];
        chosen.GetProperty("hidden_ratio").GetDouble().ShouldBeInRange(0.25, 1);
        chosen.GetProperty("macs_budget").GetInt64().ShouldBeLessThanOrEqualTo(root.GetProperty("target_macs").GetInt64() + 1);
    }

    [Theory]
    [InlineData("--method dc-vit --variant cnn-drop", "dropped")]
    [InlineData("--method dc-vit --variant cnn-dense", "basic")]
    [InlineData("--method drop-blocks", "dropped")]
    [InlineData("--method practise", "dropped")]
    [InlineData("--method magnitude", "basic")]
    [InlineData("--method fskd", "basic")]
    [InlineData("--method cd", "basic")]
    [InlineData("--switch batch_norm=running", "basic")]
    public void A_network_is_compressed_evaluated_exported_and_finetuned(string method, string kind)
    {
        var (model, images) = (_folder.WriteCnn(), _folder.WriteImages("data", 6, 0, 1, 2, 3, 4, 5));
        Run(["compress", model, "--keep-macs", "0.7", .. method.Split(' '), "--images", images, "-n", "6", "--steps", "2", "--eval", images, "-o", _folder["out"]]);
        using var json = JsonDocument.Parse(CliRun.Of("inspect", _folder["out"], "--json").Out);
        json.RootElement.GetProperty("blocks").EnumerateArray().ShouldContain(b => b.GetProperty("kind").GetString() == kind && b.GetProperty("hidden").GetInt32() < 8);
        Run(["evaluate", _folder["out"], "--data", images, "--against", model]);
        Run(["export", _folder["out"], "-o", _folder["small.onnx"]]);
        Run(["finetune", _folder["out"], "--data", images, "--image-size", "12", "--layer-decay", "0.8", "--ema", "0.9", "--steps", "2", "--batch", "3", "-o", _folder["tuned"]]);
        Run(["predict", _folder["tuned"], "--images", images]);
        Run(["bench", _folder["out"], "--against", model, "--runs", "2"]);
        Run(["synthesize", _folder["out"], "-n", "2", "--steps", "2", "-o", _folder["synthetic"]]);
        Run(["rank", model, "--keep-macs", "0.7", "--images", images, "--steps", "1"]);
    }

    [Theory]
    [InlineData("compress MODEL --keep-macs 0.7 --images DATA --method dc-vit --variant rm_attn --steps 1 -o OUT")]
    [InlineData("plan MODEL --keep-macs 0.7 --method ofb")]
    [InlineData("search MODEL --keep-macs 0.7 --data DATA --steps 1 -o OUT")]
    [InlineData("compress MODEL --keep-macs 0.7 --images DATA --merge-tokens --steps 1 -o OUT")]
    public void What_edits_transformers_says_so(string line)
    {
        var (model, images) = (_folder.WriteCnn(), _folder.WriteImages("data", 6, 0, 1, 2, 3, 4, 5));
        var run = CliRun.Of([.. line.Split(' ').Select(word => word switch { "MODEL" => model, "DATA" => images, "OUT" => _folder["out"], _ => word }), "--quiet"]);
        run.Code.ShouldBe(ExitCodes.Usage, run.Error);
        run.ErrorLine.ShouldContain("tiny-cnn is a convolutional network");
        Directory.Exists(_folder["out"]).ShouldBeFalse();
    }

    [Fact]
    public void Widths_are_planned_taken_over_and_swept()
    {
        var (model, images) = (_folder.WriteCnn(), _folder.WriteImages("data", 6, 0, 1, 2, 3, 4, 5));
        var plan = CliRun.Of("plan", model, "--keep-macs", "0.7", "--method", "espalier", "--images", images, "--threads", "1", "--quiet");
        plan.Code.ShouldBe(0, plan.Error);
        plan.Out.ShouldContain("inner channels");
        Run(["compress", model, "--keep-macs", "0.7", "--images", images, "--steps", "0", "-o", _folder["out"]]);
        Run(["compress", model, "--keep-macs", "0.7", "--images", images, "--steps", "0", "--like", _folder["out"], "-o", _folder["twin"]]);
        string Blocks(string folder)
        {
            using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder[folder], "config.json")));
            return json.RootElement.GetProperty("espalier").GetProperty("blocks").GetRawText();
        }
        Blocks("twin").ShouldBe(Blocks("out"));
        File.ReadAllText(Path.Combine(_folder["out"], "report.html")).ShouldContain("inner channels");
        Run(["sweep", model, "--from", "0.9", "--to", "0.7", "--points", "2", "--images", images, "--steps", "1", "-o", _folder["family"]]);
        Run(["report", _folder["out"], _folder["family"], "-o", _folder["both.html"]]);
    }

    [Fact]
    public void Variants_of_convolutional_networks_are_no_transformers()
    {
        var run = CliRun.Of("plan vit_tiny_patch16_224 --keep-macs 0.75 --variant cnn-dense --quiet");
        run.Code.ShouldBe(ExitCodes.Usage);
        run.ErrorLine.ShouldContain("is no convolutional network");
    }

    private static void Run(string[] arguments)
    {
        var run = CliRun.Of([.. arguments, "--threads", "1", "--quiet", "--json"]);
        run.Code.ShouldBe(0, $"{arguments[0]}: {run.Error}");
    }
}
