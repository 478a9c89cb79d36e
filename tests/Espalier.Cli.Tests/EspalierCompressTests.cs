using System.Text.Json;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class EspalierCompressTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public EspalierCompressTests() => Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _folder["cache"]);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    [Fact]
    public void Without_a_method_compress_searches_repairs_and_finetunes()
    {
        var run = Compress("--images", Images(), "--eval", _folder.WriteImages("data", 6, 0, 1, 2, 3, 4, 5), "--steps", "2");
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        var root = json.RootElement;
        root.GetProperty("stages").EnumerateArray().Select(s => s.GetProperty("stage").GetString()).ShouldBe(["cut", "repaired", "finetuned"]);
        foreach (var stage in root.GetProperty("stages").EnumerateArray()) stage.GetProperty("top1").GetDouble().ShouldBeInRange(0, 1);
        var (before, after) = (root.GetProperty("macs_budget_before").GetInt64(), root.GetProperty("macs_budget_after").GetInt64());
        ((double)after).ShouldBeInRange(0.79 * before, 0.8 * before * (1 + 1e-8));

        using var inspected = JsonDocument.Parse(CliRun.Of("inspect", _folder["out"], "--json").Out);
        inspected.RootElement.GetProperty("macs_budget").GetInt64().ShouldBe(after);
        var blocks = inspected.RootElement.GetProperty("blocks").EnumerateArray().ToList();
        foreach (var (block, told) in blocks.Zip(root.GetProperty("structure").EnumerateArray()))
            foreach (var key in new[] { "heads", "qk_dim", "v_dim", "mlp_hidden" })
                block.GetProperty(key).GetInt32().ShouldBe(told.GetProperty(key).GetInt32(), key);
    }

    [Fact]
    public void No_gradient_step_leaves_the_repaired_model_and_the_run_can_be_repeated()
    {
        var arguments = new[] { "--images", Images(), "--steps", "0", "--switch", "rounds=2" };
        var run = Compress(arguments);
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        json.RootElement.GetProperty("stages").EnumerateArray().Select(s => s.GetProperty("stage").GetString()).ShouldBe(["cut", "repaired"]);
        string[] files = ["model.safetensors", "config.json"];
        var first = files.Select(f => File.ReadAllBytes(Path.Combine(_folder["out"], f))).ToList();
        Compress([.. arguments, "--force"]).Code.ShouldBe(0);
        files.Select(f => File.ReadAllBytes(Path.Combine(_folder["out"], f))).ShouldBe(first);
    }

    [Fact]
    public void The_structure_of_another_result_can_be_taken_without_a_search()
    {
        Compress("--images", Images(), "--steps", "0", "--switch", "rounds=2").Code.ShouldBe(0);
        string[] like = ["--like", _folder["out"]];
        var run = CliRun.Of(["compress", Model(), "--keep-macs", "0.8", "--images", Images(), "--steps", "0", "--seed", "5", "--quiet", "--json", "-o", _folder["twin"], .. like]);
        run.Code.ShouldBe(0, run.Error);
        Structure(_folder["twin"]).ShouldBe(Structure(_folder["out"]));
        var tooSmall = CliRun.Of(["compress", Model(), "--keep-macs", "0.6", "--images", Images(), "--steps", "0", "-o", _folder["none"], .. like]);
        tooSmall.Code.ShouldBe(4, tooSmall.Error);
        tooSmall.Error.ShouldContain("the widths of");
        var both = CliRun.Of(["compress", Model(), "--keep-macs", "0.8", "--images", Images(), "--merge-tokens", "-o", _folder["none"], .. like]);
        both.Code.ShouldBe(2, both.Error);
        var wider = CliRun.Of(["compress", _folder["out"], "--keep-macs", "0.8", "--images", Images(), "--like", Model(), "-o", _folder["none"]]);
        wider.Code.ShouldBe(2, wider.Error);
        wider.Error.ShouldContain("only");
        Directory.Exists(_folder["none"]).ShouldBeFalse();

        static string Structure(string model)
        {
            using var json = JsonDocument.Parse(CliRun.Of("inspect", model, "--json").Out);
            return json.RootElement.GetProperty("blocks").GetRawText();
        }
    }

    [Fact]
    public void Without_images_the_synthetic_ones_do()
    {
        var run = Compress("--steps", "2");
        run.Code.ShouldBe(0, run.Error);
        File.ReadAllLines(Path.Combine(_folder["out"], "samples.txt"))[^1].ShouldStartWith("synthetic-");
        Directory.EnumerateFiles(Path.Combine(_folder["out"], "metric-set"), "*.png").ShouldNotBeEmpty();
    }

    [Theory]
    [InlineData(2, "--k does not go with --method espalier", "--k", "2")]
    [InlineData(2, "the topics of espalier are", "--switch", "colour=red")]
    [InlineData(2, "units has no such setting", "--switch", "units=tall")]
    [InlineData(2, "has blocks 0 to 3", "--keep", "attn:9")]
    [InlineData(2, "saves MACs but no parameters", "--params", "3k", "--merge-tokens")]
    [InlineData(4, "they reach", "--keep-macs", "0.05")]
    public void What_cannot_be_done_is_refused_before_anything_is_written(int code, string message, params string[] arguments)
    {
        string[] target = arguments.Any(a => a is "--keep-macs" or "--params") ? [] : ["--keep-macs", "0.8"];
        var run = CliRun.Of(["compress", Model(), .. target, "--images", Images(), "--steps", "1", "-o", _folder["out"], .. arguments]);
        run.Code.ShouldBe(code, run.Error);
        run.Error.ShouldContain(message);
        run.Error.TrimEnd().Split('\n').Length.ShouldBe(1);
        Directory.Exists(_folder["out"]).ShouldBeFalse();
    }

    [Fact]
    public void Plan_shows_the_structure_and_what_it_will_cost()
    {
        var run = CliRun.Of("plan", Model(), "--keep-macs", "0.8", "--method", "espalier", "--images", Images(), "--json", "--quiet");
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        var option = json.RootElement.GetProperty("options").EnumerateArray().ShouldHaveSingleItem();
        option.GetProperty("macs_budget").GetInt64().ShouldBeLessThanOrEqualTo((long)(json.RootElement.GetProperty("target_macs").GetDouble() * (1 + 1e-8)));
        option.GetProperty("structure").GetArrayLength().ShouldBe(4);
        option.GetProperty("predicted_kl").GetDouble().ShouldBeGreaterThanOrEqualTo(0);
    }

    [Fact]
    public void Merged_tokens_meet_the_target_without_touching_a_tensor_and_the_result_is_a_model_like_any_other()
    {
        var run = Compress("--images", Images(), "--eval", _folder.WriteImages("data", 6, 0, 1, 2, 3, 4, 5), "--steps", "0", "--merge-tokens");
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        json.RootElement.GetProperty("stages").EnumerateArray().Select(s => s.GetProperty("stage").GetString()).ShouldBe(["cut"]);
        var (before, after) = (json.RootElement.GetProperty("macs_budget_before").GetInt64(), json.RootElement.GetProperty("macs_budget_after").GetInt64());
        ((double)after).ShouldBeLessThanOrEqualTo(0.8 * before * (1 + 1e-8));
        json.RootElement.GetProperty("params_after").GetInt64().ShouldBe(json.RootElement.GetProperty("params_before").GetInt64());
        using var inspected = JsonDocument.Parse(CliRun.Of("inspect", _folder["out"], "--json").Out);
        inspected.RootElement.GetProperty("macs_budget").GetInt64().ShouldBe(after);
        inspected.RootElement.GetProperty("blocks").EnumerateArray().Sum(Merged).ShouldBeGreaterThan(0);
        File.ReadAllBytes(Path.Combine(_folder["out"], "model.safetensors")).Length.ShouldBe(File.ReadAllBytes(Path.Combine(Model(), "model.safetensors")).Length);
        CliRun.Of("evaluate", _folder["out"], "--data", _folder["data"], "--json").Code.ShouldBe(0);
        CliRun.Of("bench", _folder["out"], "--json").Code.ShouldBe(0);
        var again = CliRun.Of("compress", _folder["out"], "--keep-macs", "0.9", "--images", Images(), "--steps", "0", "-o", _folder["again"]);
        again.Code.ShouldBe(2, again.Error);
        again.Error.ShouldContain("merges tokens");
    }

    [Fact]
    public void Where_merging_does_not_reach_widths_do_the_rest()
    {
        var run = CliRun.Of("compress", Model(), "--keep-macs", "0.35", "--precision", "fp32", "--threads", "1", "--json", "--quiet", "-o", _folder["out"],
            "--images", Images(), "--steps", "2", "--switch", "rounds=2", "--merge-tokens");
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        json.RootElement.GetProperty("stages").EnumerateArray().Select(s => s.GetProperty("stage").GetString()).ShouldBe(["cut", "repaired", "finetuned"]);
        var (before, after) = (json.RootElement.GetProperty("macs_budget_before").GetInt64(), json.RootElement.GetProperty("macs_budget_after").GetInt64());
        ((double)after).ShouldBeInRange(0.345 * before, 0.35 * before * (1 + 1e-8));
        var blocks = json.RootElement.GetProperty("structure").EnumerateArray().ToList();
        blocks.Sum(Merged).ShouldBeGreaterThan(0);
        json.RootElement.GetProperty("params_after").GetInt64().ShouldBeLessThan(json.RootElement.GetProperty("params_before").GetInt64());
    }

    [Fact]
    public void Sweep_leaves_a_family_each_just_below_its_target()
    {
        var run = CliRun.Of("sweep", Model(), "--from", "0.9", "--to", "0.6", "--points", "4", "--images", Images(), "--steps", "1",
            "--precision", "fp32", "--json", "--quiet", "-o", _folder["family"]);
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        var before = json.RootElement.GetProperty("macs_budget_before").GetInt64();
        var models = json.RootElement.GetProperty("models").EnumerateArray().ToList();
        models.Select(m => Math.Round(m.GetProperty("keep").GetDouble(), 6)).ShouldBe([0.9, 0.8, 0.7, 0.6]);
        List<int[]> widths = [];
        foreach (var model in models)
        {
            var target = model.GetProperty("keep").GetDouble() * before;
            ((double)model.GetProperty("macs_budget").GetInt64()).ShouldBeInRange(0.99 * target, target * (1 + 1e-8));
            using var inspected = JsonDocument.Parse(CliRun.Of("inspect", Path.Combine(_folder["family"], model.GetProperty("output").GetString()!), "--json").Out);
            inspected.RootElement.GetProperty("macs_budget").GetInt64().ShouldBe(model.GetProperty("macs_budget").GetInt64());
            widths.Add([.. inspected.RootElement.GetProperty("blocks").EnumerateArray()
                .SelectMany(b => new[] { b.GetProperty("qk_dim").GetInt32(), b.GetProperty("v_dim").GetInt32(), b.GetProperty("mlp_hidden").GetInt32() })]);
        }
        foreach (var (larger, smaller) in widths.Zip(widths.Skip(1)))
            larger.Zip(smaller).ShouldAllBe(pair => pair.First >= pair.Second);
    }

    private static int Merged(JsonElement block) => block.TryGetProperty("tokens_merged", out var merged) ? merged.GetInt32() : 0;

    private string Model() => Directory.Exists(_folder["model"]) ? _folder["model"] : _folder.WriteModel(depth: 4);

    private string Images() => Directory.Exists(_folder["images"]) ? _folder["images"] : _folder.WriteImages("images", 10);

    private CliRun Compress(params string[] more) => CliRun.Of(
        ["compress", Model(), "--keep-macs", "0.8", "--precision", "fp32", "--threads", "1", "--json", "--quiet", "-o", _folder["out"], .. more]);
}
