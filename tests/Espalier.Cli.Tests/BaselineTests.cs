using System.Text.Json;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class BaselineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("practise", "macs_budget")]
    [InlineData("drop-blocks --order last", "macs_budget")]
    [InlineData("magnitude", "macs_budget")]
    [InlineData("random --loss kd", "macs_budget")]
    [InlineData("magnitude --loss labels", "macs_full", "--count", "full")]
    [InlineData("dc-vit --order random --loss labels", "macs_budget")]
    public void Compress_meets_the_target_and_reports_the_command_that_repeats_it(string method, string measure, params string[] more)
    {
        string[] words = ["--method", .. method.Split(' '), .. more];
        var run = Compress(words);
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        var (before, after) = (json.RootElement.GetProperty(measure + "_before").GetInt64(), json.RootElement.GetProperty(measure + "_after").GetInt64());
        ((double)after).ShouldBeLessThanOrEqualTo(0.7 * before * (1 + 1e-8));
        json.RootElement.GetProperty("top1_after").GetDouble().ShouldBeInRange(0, 1);
        using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], "report.json")));
        report.RootElement.GetProperty("method").GetString().ShouldBe(words[1]);
        report.RootElement.GetProperty("repeat_command_line").GetString()!.ShouldContain("--steps 2");
        var inspected = CliRun.Of("inspect", _folder["out"], "--json");
        JsonDocument.Parse(inspected.Out).RootElement.GetProperty(measure).GetInt64().ShouldBe(after);
    }

    [Fact]
    public void Plan_shows_the_even_widths_and_the_dropped_blocks()
    {
        using var even = JsonDocument.Parse(CliRun.Of("plan vit_tiny_patch16_224 --keep-macs 0.5 --method magnitude --json").Out);
        var option = even.RootElement.GetProperty("options").EnumerateArray().ShouldHaveSingleItem();
        option.GetProperty("macs_budget").GetInt64().ShouldBeInRange(538_000_000, 539_316_864);
        option.GetProperty("structure").EnumerateArray().Select(b => b.GetProperty("qk_dim").GetInt32()).Distinct().ShouldHaveSingleItem().ShouldBeLessThan(64);
        CliRun.Of("plan vit_tiny_patch16_224 --keep-macs 0.5 --method random").Out.ShouldContain("MLP hidden");

        using var drop = JsonDocument.Parse(CliRun.Of("plan vit_tiny_patch16_224 --keep-macs 0.756778175 --method practise --json").Out);
        drop.RootElement.GetProperty("options")[0].GetProperty("blocks").GetInt32().ShouldBe(3);
    }

    [Fact]
    public void Rank_scores_candidates_by_their_adaptors()
    {
        var run = CliRun.Of("rank", Model(), "--keep-macs", "0.7", "--images", Images(), "--method", "practise", "--steps", "2", "--precision", "fp32", "--json", "--quiet");
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        json.RootElement.GetProperty("blocks").EnumerateArray().Select(b => b.GetProperty("metric").GetDouble()).ShouldBeInOrder();
    }

    [Theory]
    [InlineData(2, "--k does not go with --method magnitude", "--method", "magnitude", "--k", "2")]
    [InlineData(2, "--order does not go with --method random", "--method", "random", "--order", "first")]
    [InlineData(2, "--variant does not go with --method practise", "--method", "practise", "--variant", "rm_attn")]
    [InlineData(2, "--loss does not go with --method espalier", "--method", "espalier", "--loss", "kd")]
    [InlineData(2, "fskd aligns the layers of convolutional networks", "--method", "fskd")]
    [InlineData(2, "cd aligns the layers of convolutional networks", "--method", "cd")]
    [InlineData(4, "reach", "--method", "practise", "--keep-macs", "0.05")]
    [InlineData(4, "reach", "--method", "random", "--keep-macs", "0.01")]
    public void What_does_not_go_together_is_refused_before_anything_is_written(int code, string message, params string[] arguments)
    {
        var run = Compress(arguments);
        run.Code.ShouldBe(code, run.Error);
        run.ErrorLine.ShouldContain(message);
        Directory.Exists(_folder["out"]).ShouldBeFalse();
    }

    [Fact]
    public void A_loss_on_labels_needs_labels()
    {
        var run = CliRun.Of("compress", Model(), "--keep-macs", "0.7", "--images", _folder.WriteImages("plain", 5), "--method", "magnitude", "--loss", "labels", "-o", _folder["out"]);
        run.Code.ShouldBe(3, run.Error);
        run.ErrorLine.ShouldContain("no labels");
        var ranked = CliRun.Of("rank", Model(), "--keep-macs", "0.7", "--images", _folder["plain"], "--method", "magnitude");
        ranked.Code.ShouldBe(2, ranked.Error);
        ranked.ErrorLine.ShouldContain("ranks none");
    }

    private string Model() => Directory.Exists(_folder["model"]) ? _folder["model"] : _folder.WriteModel(depth: 6);

    private string Images() => Directory.Exists(_folder["images"]) ? _folder["images"] : _folder.WriteImages("images", 12, [.. Enumerable.Range(0, 12).Select(i => i % TinyModel.Classes)]);

    private CliRun Compress(params string[] more) => CliRun.Of(["compress", Model(), .. more.Contains("--keep-macs") ? Array.Empty<string>() : ["--keep-macs", "0.7"],
        "--images", Images(), "-n", "8", "--eval", Images(), "--steps", "2", "--precision", "fp32", "--threads", "1", "--json", "--quiet", "-o", _folder["out"], .. more]);
}
