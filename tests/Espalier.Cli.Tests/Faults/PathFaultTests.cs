using System.Text.Json;
using Espalier.Cli.Commands;
using Espalier.Reports;
using Espalier.Runs;
using Espalier.Testing;

namespace Espalier.Cli.Tests.Faults;

/// <summary>Names that are hard on programs, and run folders of other versions.</summary>
public sealed class PathFaultTests : IDisposable
{
    private const string Odd = "a  b\n'ü' $x \\ 模";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Spaces_quotes_line_breaks_and_other_scripts_in_every_path()
    {
        var (data, output) = (Data(), Path.Combine(_folder[Odd], "out"));
        using var stop = new CancellationTokenSource();
        using var error = new StopAt("finetuning", stop);
        string[] line = ["compress", _folder.WriteModel(Path.Combine(Odd, "model")), "--keep-macs", "0.7", "--images", data, "--steps", "6", "--save-every", "0",
            "--precision", "fp32", "--threads", "1", "-o", output];
        EspalierApp.Run(line, new CliStreams(TextWriter.Null, error), CommandTable.All(), stop.Token).ShouldBe(ExitCodes.Cancelled, error.ToString());
        // What it says can be pasted: one line, whatever the name holds.
        error.ToString().TrimEnd().Split('\n')[^1].ShouldEndWith($"go on with: espalier resume $'{output.Replace("\\", "\\\\").Replace("'", "\\'").Replace("\n", "\\n")}'");

        var resumed = CliRun.Of("resume", output, "--quiet");
        resumed.Code.ShouldBe(0, resumed.Error);
        File.ReadAllLines(Path.Combine(output, "samples.txt")).Length.ShouldBe(12);
        var again = CliRun.Of([.. line[..^1], _folder["again"], "--samples", Path.Combine(output, "samples.txt"), "--quiet"]);
        again.Code.ShouldBe(0, again.Error);
        File.ReadAllBytes(_folder["again/model.safetensors"]).ShouldBe(File.ReadAllBytes(Path.Combine(output, "model.safetensors")));

        var predicted = CliRun.Of("predict", output, "--images", data, "--json", "--quiet");
        predicted.Code.ShouldBe(0, predicted.Error);
        using var json = JsonDocument.Parse(predicted.Out);
        json.RootElement.GetProperty("images").EnumerateArray().Select(i => i.GetProperty("path").GetString()).ShouldContain($"{Odd}/2.png");
        CliRun.Of("inspect", output).Code.ShouldBe(0);
        CliRun.Of("report", output).Code.ShouldBe(0);
    }

    [Theory]
    [InlineData("a b", "espalier resume 'a b'")]
    [InlineData("a  b", "espalier resume 'a  b'")]
    [InlineData("a\nb\t'\\", @"espalier resume $'a\nb\t\'\\'")]
    [InlineData("模型", "espalier resume '模型'")]
    public void A_command_to_be_pasted_stays_on_one_line(string path, string line) => CommandLineText.Of(["resume", path]).ShouldBe(line);

    [Theory]
    [InlineData("""{ "format_version": 0, "version": "0.0.9" }""", "made by Espalier 0.0.9, whose run folders (format 0)")]
    [InlineData("""{ "format_version": 2, "version": "7.1", "words": ["train"] }""", "made by Espalier 7.1, whose run folders (format 2)")]
    [InlineData("""{ "format_version": 99 }""", "made by Espalier of an unknown version, whose run folders (format 99)")]
    [InlineData("""{ "format_version": "new" }""", "run.json")]
    [InlineData("""{ "version": "1" }""", "names no format version")]
    public void A_run_of_another_version_is_refused_by_name(string manifest, string because)
    {
        _folder.Write("run/run.json", manifest);
        _folder.Write("run/state.json", """{ "done": ["train"] }""");
        var run = CliRun.Of("resume", _folder["run"]);
        run.Code.ShouldBe(ExitCodes.Input, run.Error);
        run.ErrorLine.ShouldContain(because);
        run.ErrorLine.ShouldContain(_folder["run"]);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[1]")]
    [InlineData("""{ "done": null, "finished": 3 }""")]
    [InlineData("")]
    public void A_damaged_state_is_refused_by_name(string state)
    {
        using (RunFolder.Create(_folder["run"], new() { Command = "train", Arguments = ["train"], WorkingDirectory = "/", Version = "1" }, force: false)) { }
        _folder.Write("run/state.json", state);
        Should.Throw<InputException>(() => RunFolder.Open(_folder["run"])).Message.ShouldContain("state.json");
    }

    private string Data()
    {
        var data = Path.Combine(Odd, "data");
        _folder.WriteImages(Path.Combine(data, Odd), 12);
        return _folder[data];
    }

    private sealed class StopAt(string text, CancellationTokenSource stop) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            if (value?.Contains(text) == true) stop.Cancel();
        }
    }
}
