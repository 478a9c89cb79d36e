using System.Text.Json;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class BundledModelTests
{
    private static readonly string s_folder = Path.Combine(SharedData.Root, "models", "fashion-vit");

    [Fact]
    public void The_bundled_model_is_what_its_name_says()
    {
        var run = CliRun.Of("inspect", "fashion-vit", "--json");
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        json.RootElement.GetProperty("params").GetInt64().ShouldBe(1_596_426);
        json.RootElement.GetProperty("macs_budget").GetInt64().ShouldBe(79_180_032);
        json.RootElement.GetProperty("macs_full").GetInt64().ShouldBe(83_864_832);
        new FileInfo(Path.Combine(s_folder, "model.safetensors")).Length.ShouldBeLessThan(8_000_000);
    }

    [Fact]
    public void The_bundled_loader_is_the_one_that_is_written_today()
    {
        using var folder = new TemporaryFolder();
        var written = Path.Combine(folder.WriteModel(), ModelFolder.PythonLoader);
        File.ReadAllText(Path.Combine(s_folder, ModelFolder.PythonLoader)).ShouldBe(File.ReadAllText(written));
    }

    [Fact]
    public void The_bundled_model_knows_the_bundled_images()
    {
        var run = CliRun.Of("evaluate", "fashion-vit", "--data", Path.Combine(s_folder, "images", "test"), "--json", "--quiet");
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        json.RootElement.GetProperty("count").GetInt32().ShouldBe(1000);
        json.RootElement.GetProperty("top1").GetDouble().ShouldBeGreaterThan(0.91);
        json.RootElement.GetProperty("top5").GetDouble().ShouldBeGreaterThan(0.98);
    }

    [Fact]
    public void Predictions_name_the_classes()
    {
        var run = CliRun.Of("predict", "fashion-vit", "--images", Path.Combine(s_folder, "images", "unlabelled"), "--json", "--quiet");
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        json.RootElement.GetProperty("images")[0].GetProperty("classes")[0].GetProperty("name").GetString().ShouldNotBeNullOrEmpty();
    }
}
