using System.Text.Json;
using Espalier.Testing;
using Espalier.Torch;

namespace Espalier.Cli.Tests;

public sealed class EvaluateTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Evaluate_gives_one_json_document_with_the_stable_keys()
    {
        var run = CliRun.Of("evaluate", _folder.WriteModel(), "--data", _folder.WriteImages("data", 4, 0, 1, 2, 5), "--json", "--quiet");

        run.Code.ShouldBe(0, run.Error);
        run.Error.ShouldBeEmpty();
        using var json = JsonDocument.Parse(run.Out);
        json.RootElement.EnumerateObject().Select(p => p.Name).ShouldBe(["top1", "top5", "count", "images_per_second"]);
        json.RootElement.GetProperty("count").GetInt32().ShouldBe(4);
        json.RootElement.GetProperty("top5").GetDouble().ShouldBeGreaterThanOrEqualTo(json.RootElement.GetProperty("top1").GetDouble());
        json.RootElement.GetProperty("images_per_second").GetDouble().ShouldBePositive();
    }

    [Fact]
    public void The_likeliest_class_of_predict_scores_full_marks_in_evaluate()
    {
        var model = _folder.WriteModel();
        using var predicted = JsonDocument.Parse(CliRun.Of("predict", model, "--images", _folder.WriteImages("images", 5), "--json").Out);
        int[] best = [.. predicted.RootElement.GetProperty("images").EnumerateArray().Select(i => i.GetProperty("classes")[0].GetProperty("index").GetInt32())];

        using var scored = JsonDocument.Parse(CliRun.Of("evaluate", model, "--data", _folder.WriteImages("data", 5, best), "--json", "--batch", "2").Out);

        scored.RootElement.GetProperty("top1").GetDouble().ShouldBe(1);
    }

    [Fact]
    public void Bf16_that_a_processor_does_not_have_is_fp32_and_said_to_be()
    {
        var (model, data) = (_folder.WriteModel(), _folder.WriteImages("data", 4, 0, 1, 2, 5));
        var run = CliRun.Of("evaluate", model, "--data", data, "--precision", "bf16");
        run.Code.ShouldBe(0, run.Error);
        run.Error.Contains("no bf16 products").ShouldBe(!TorchRuntime.HasBf16, run.Error);
        CliRun.Of("evaluate", model, "--data", data).Error.ShouldNotContain("bf16");
    }

    [Fact]
    public void Both_networks_see_images_of_the_size_that_is_asked_for()
    {
        var (model, data) = (_folder.WriteModel(), _folder.WriteImages("data", 4, 0, 1, 2, 5));
        var run = CliRun.Of("evaluate", model, "--data", data, "--against", model, "--image-size", "16", "--json", "--quiet");
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        json.RootElement.GetProperty("against").GetProperty("kl").GetDouble().ShouldBe(0, 1e-9);
    }

    [Fact]
    public void A_model_agrees_with_itself_and_not_with_another()
    {
        var (model, data) = (_folder.WriteModel(), _folder.WriteImages("data", 6, 0, 1, 2, 3, 4, 5));
        var other = CliRun.Of("compress", model, "--keep-macs", "0.6", "--images", data, "--steps", "0", "-o", _folder["other"], "--quiet");
        other.Code.ShouldBe(0, other.Error);
        JsonElement Against(string reference)
        {
            var run = CliRun.Of("evaluate", model, "--data", data, "--against", reference, "--json", "--quiet");
            run.Code.ShouldBe(0, run.Error);
            using var json = JsonDocument.Parse(run.Out);
            return json.RootElement.GetProperty("against").Clone();
        }
        var self = Against(model);
        self.GetProperty("agreement").GetDouble().ShouldBe(1);
        foreach (var key in new[] { "kl", "top1_difference", "top1_margin" }) self.GetProperty(key).GetDouble().ShouldBe(0, 1e-9, key);
        Against(_folder["other"]).GetProperty("kl").GetDouble().ShouldBeGreaterThan(0);
    }

    [Fact]
    public void Progress_goes_to_stderr() =>
        CliRun.Of("evaluate", _folder.WriteModel(), "--data", _folder.WriteImages("data", 3, 0, 1, 2)).ShouldSatisfyAllConditions(
            run => run.Error.ShouldContain("evaluating 3/3 (100 %)"),
            run => run.Out.ShouldStartWith("top-1 "));

    [SkippableFact]
    public void ViT_Ti_scores_what_it_is_known_to_score()
    {
        var model = SharedData.Require("vit_tiny_patch16_224.augreg_in21k_ft_in1k");
        var images = SharedData.Require("imagenet-val-650");

        var run = CliRun.Of("evaluate", model, "--data", images, "--json", "--quiet");

        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        json.RootElement.GetProperty("count").GetInt32().ShouldBe(650);
        json.RootElement.GetProperty("top1").GetDouble().ShouldBe(0.825, 0.005);
        json.RootElement.GetProperty("top5").GetDouble().ShouldBe(0.969, 0.005);
    }
}
