using System.Text.Json;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class BenchTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Bench_gives_one_json_document_with_the_stable_keys()
    {
        var run = CliRun.Of("bench", _folder.WriteModel(), "--runs", "5", "--batch", "2", "--threads", "1", "--json", "--quiet");

        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        Keys(json.RootElement).ShouldBe(["batch", "threads", "device", "latency_ms", "images_per_second"]);
        Keys(json.RootElement.GetProperty("latency_ms")).ShouldBe(["median", "p10", "p90"]);
        json.RootElement.GetProperty("batch").GetInt32().ShouldBe(2);
        json.RootElement.GetProperty("threads").GetInt32().ShouldBe(1);
        json.RootElement.GetProperty("device").GetString().ShouldBe("cpu");
        var median = json.RootElement.GetProperty("latency_ms").GetProperty("median").GetDouble();
        json.RootElement.GetProperty("images_per_second").GetDouble().ShouldBe(2000 / median, 1e-6);
    }

    [Fact]
    public void A_name_will_do_and_a_second_model_gives_the_speedup()
    {
        var run = CliRun.Of("bench", "tiny-test-vit", "--against", _folder.WriteModel(), "--runs", "3", "--threads", "1", "--json", "--quiet");

        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        Keys(json.RootElement.GetProperty("speedup")).ShouldBe(["median", "p10", "p90"]);
        json.RootElement.GetProperty("speedup").GetProperty("median").GetDouble().ShouldBeLessThan(1, "six blocks against two");
    }

    private static string[] Keys(JsonElement element) => [.. element.EnumerateObject().Select(p => p.Name)];
}
