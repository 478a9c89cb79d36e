using System.Text.Json;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

/// <summary>A run that was bounded by time can be repeated to the byte by the command its report gives.</summary>
public sealed class RepeatTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public RepeatTests() => Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _folder["cache"]);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    [SkippableTheory]
    [InlineData("compress MODEL --keep-macs 0.35 --images DATA -n 8 --minutes=0.1 --merge-tokens -o OUT")]
    [InlineData("sweep MODEL --from 0.9 --to 0.6 --points 3 --images DATA -n 8 --minutes=0.2 -o OUT")]
    [InlineData("train MODEL --data DATA --batch 4 --minutes 0.03 -o OUT")]
    [InlineData("finetune MODEL --data DATA --batch 4 --minutes:0.03 -o OUT")]
    public void The_command_in_the_report_gives_the_same_bytes(string commandLine)
    {
        var run = CliRun.Of([.. Words(commandLine), "--threads", "1", "--quiet"]);
        run.Code.ShouldBe(0, run.Error);
        using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], "report.json")));
        Skip.IfNot(report.RootElement.TryGetProperty("repeat_command_line", out var line) && line.GetString() is not null, "the machine was busy: time ran out before the planned steps were done");
        var repeat = line.GetString()!;
        repeat.ShouldNotContain("--minutes");

        var again = CliRun.Of([.. repeat.Split(' ').Skip(1).Select(word => word == _folder["out"] ? _folder["again"] : word)]);

        again.Code.ShouldBe(0, again.Error);
        var models = Directory.GetFiles(_folder["out"], "model.safetensors", SearchOption.AllDirectories);
        models.ShouldNotBeEmpty();
        foreach (var model in models)
            File.ReadAllBytes(model.Replace(_folder["out"], _folder["again"])).ShouldBe(File.ReadAllBytes(model), $"{repeat}\n{model}");
    }

    [Theory]
    [InlineData("--steps 1,2")]
    [InlineData("--steps 1,2,3,x")]
    [InlineData("--steps 1 --switch rounds=1,2,3,4")]
    [InlineData("--steps 1 --switch rounds=1,x,3")]
    public void Steps_and_rounds_of_a_family_are_as_many_as_it_has(string effort)
    {
        var run = CliRun.Of([.. Words($"sweep MODEL --from 0.9 --to 0.6 --points 3 --images DATA {effort} -o OUT")]);
        run.Code.ShouldBe(ExitCodes.Usage, run.Error);
        Directory.Exists(_folder["out"]).ShouldBeFalse();
    }

    [Theory]
    [InlineData("--params 2k", "target_params", "target_macs")]
    [InlineData("--keep-macs 0.8", "target_macs", "target_params")]
    public void A_target_is_reported_in_its_own_unit(string target, string given, string absent)
    {
        var run = CliRun.Of([.. Words($"compress MODEL {target} --images DATA -n 8 --steps 0 --switch rounds=1 --quiet -o OUT")]);
        run.Code.ShouldBe(0, run.Error);
        using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], "report.json")));
        report.RootElement.GetProperty(given).GetDouble().ShouldBeGreaterThan(0);
        (report.RootElement.TryGetProperty(absent, out var other) && other.ValueKind != JsonValueKind.Null).ShouldBeFalse();
    }

    private string[] Words(string commandLine)
    {
        var model = Directory.Exists(_folder["model"]) ? _folder["model"] : _folder.WriteModel(depth: 4);
        var data = Directory.Exists(_folder["data"]) ? _folder["data"] : _folder.WriteImages("data", 12, [.. Enumerable.Range(0, 12).Select(i => i % TinyModel.Classes)]);
        return [.. commandLine.Split(' ').Select(word => word.Replace("MODEL", model).Replace("DATA", data).Replace("OUT", _folder["out"]))];
    }
}
