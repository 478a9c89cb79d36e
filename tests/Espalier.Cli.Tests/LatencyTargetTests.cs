using System.Text.Json;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class LatencyTargetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public LatencyTargetTests() => Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _folder["cache"]);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    [Fact]
    public void A_share_of_the_latency_becomes_macs_which_the_machine_remembers()
    {
        string[] plan = ["plan", "fashion-vit", "--latency", "85%", "--method", "dc-vit", "--json", "--quiet"];
        var (first, again) = (CliRun.Of(plan), CliRun.Of(plan));
        first.Code.ShouldBe(0, first.Error);
        again.Out.ShouldBe(first.Out);
        using var json = JsonDocument.Parse(first.Out);
        json.RootElement.GetProperty("count").GetString().ShouldBe("full");
        using var inspected = JsonDocument.Parse(CliRun.Of("inspect", "fashion-vit", "--json").Out);
        var (target, dense) = (json.RootElement.GetProperty("target_macs").GetDouble(), inspected.RootElement.GetProperty("macs_full").GetInt64());
        target.ShouldBeInRange(0.1 * dense, 0.999 * dense);
        foreach (var option in json.RootElement.GetProperty("options").EnumerateArray())
            ((double)option.GetProperty("macs_full").GetInt64()).ShouldBeLessThanOrEqualTo(target * (1 + 1e-8));
    }

    [Fact]
    public void Compress_measures_what_is_left_and_the_run_keeps_the_macs_it_began_with()
    {
        var run = CliRun.Of("compress", "fashion-vit", "--latency", "0.9", "--method", "dc-vit", "--images", _folder.WriteImages("images", 28, 0, 1, 2, 3), "-n", "4",
            "--metric-set", "images", "--steps", "1", "--json", "--quiet", "-o", _folder["out"]);
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        json.RootElement.GetProperty("latency_kept").GetDouble().ShouldBeInRange(0.05, 1.5);
        using var kept = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], "latency.json")));
        ((double)json.RootElement.GetProperty("macs_full_after").GetInt64()).ShouldBeLessThanOrEqualTo(kept.RootElement.GetProperty("macs_full").GetDouble() * (1 + 1e-8));
    }

    [Fact]
    public void A_latency_out_of_reach_is_refused_with_what_can_be_reached()
    {
        var run = CliRun.Of("plan", "fashion-vit", "--latency", "1%", "--method", "dc-vit");
        run.Code.ShouldBe(4, run.Error);
        run.Error.ShouldContain("of the latency");
    }
}
