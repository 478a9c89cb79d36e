using System.Text.Json;
using Espalier.Testing;

namespace Espalier.Cli.Tests.Faults;

/// <summary>Training images that are damaged or go.</summary>
public sealed class ImageFaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("train")]
    [InlineData("search")]
    public void Images_that_cannot_be_read_are_left_out_and_counted(string command)
    {
        var data = Data();
        var run = CliRun.Of(Line(command, data));
        run.Code.ShouldBe(0, run.Error);
        foreach (var name in new[] { "3.png", "7.png" })
            run.Error.Split('\n').Count(line => line.Contains("left out") && line.Contains(name)).ShouldBe(1, $"{name} is told once, over all epochs:\n{run.Error}");
        using var report = JsonDocument.Parse(File.ReadAllText(_folder["out/report.json"]));
        report.RootElement.GetProperty("skipped_images").GetInt32().ShouldBe(2);
        report.RootElement.GetProperty("notes").EnumerateArray().ShouldContain(n => n.GetString()!.Contains("2 training images could not be read"));
    }

    [Theory]
    [InlineData("train")]
    [InlineData("search")]
    public void Strict_refuses_them(string command)
    {
        var run = CliRun.Of([.. Line(command, Data()), "--strict"]);
        run.Code.ShouldBe(ExitCodes.Input, run.Error);
        run.Error.TrimEnd().Split('\n')[^1].ShouldMatch(@"espalier: .*/(3|7)\.png: ");
    }

    [Fact]
    public void A_resumed_run_remembers_what_was_left_out()
    {
        var data = Data();
        using var stop = new CancellationTokenSource();
        using var error = new StopAt(stop);
        EspalierApp.Run(Line("train", data), new CliStreams(TextWriter.Null, error), stop.Token).ShouldBe(ExitCodes.Cancelled, error.ToString());
        CliRun.Of("resume", _folder["out"], "--quiet").Code.ShouldBe(0);
        using var report = JsonDocument.Parse(File.ReadAllText(_folder["out/report.json"]));
        report.RootElement.GetProperty("skipped_images").GetInt32().ShouldBe(2);
    }

    [Fact]
    public void When_all_go_the_run_stops()
    {
        var data = _folder.WriteImages("data", 16, [.. Enumerable.Range(0, 16).Select(i => i % TinyModel.Classes)]);
        foreach (var file in Directory.GetFiles(data, "*.png")) File.WriteAllText(file, "");
        var run = CliRun.Of(Line("train", data));
        run.Code.ShouldBe(ExitCodes.Input, run.Error);
        run.Error.ShouldContain("None of the training images can be read; the first: ");
    }

    [Fact]
    public void What_is_measured_on_is_never_left_out()
    {
        var data = Data();
        CliRun.Of("evaluate", _folder.WriteModel("other"), "--data", data, "--quiet").Code.ShouldBe(ExitCodes.Input);
    }

    private string Data()
    {
        var data = _folder.WriteImages("data", 24, [.. Enumerable.Range(0, 24).Select(i => i % TinyModel.Classes)]);
        using (var file = File.OpenWrite(Path.Combine(data, "3.png"))) file.SetLength(40);
        File.WriteAllText(Path.Combine(data, "7.png"), "");
        return data;
    }

    private string[] Line(string command, string data) =>
    [
        command, _folder.WriteModel(), .. command == "search" ? ["--keep-macs", "0.5", "--count", "full", "--hold-out", "1"] : Array.Empty<string>(),
        "--data", data, "--batch", "8", "--steps", "9", "--save-every", "0", "--precision", "fp32", "--threads", "1", "--seed", "1", "-o", _folder["out"],
    ];

    private sealed class StopAt(CancellationTokenSource stop) : StringWriter
    {
        private int _told;

        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            if (value?.Contains("left out") == true && ++_told == 2) stop.Cancel();
        }
    }
}
