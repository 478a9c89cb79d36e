using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Espalier.Cli.Output;
using Espalier.Cli.Progress;
using Espalier.Models.Data;
using Espalier.Runs;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

/// <summary>What comes from files and their names is shown as text: it steers no terminal, is no markup, and ends in one line and exit code 3.</summary>
public sealed class HostileInputTests : IDisposable
{
    private const string Nasty = "[red]\u001b]0;title\a\u001b[31m\u202Eevil\u2028\u0085[/]";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("plain [1] é 漢 👍.jpg", "plain [1] é 漢 👍.jpg")]
    [InlineData("a\u001b[31mb", "a�[31mb")]
    [InlineData("a\r\nb\tc", "a��b�c")]
    [InlineData("\u0000\u007f\u009b\u202e\u2066\u200f\u2029", "�������")]
    public void Commands_to_a_terminal_are_marked(string text, string shown) => Printable.Line(text).ShouldBe(shown);

    [Fact]
    public void Half_a_character_is_marked() => Printable.Line("a\ud800").ShouldBe("a�");

    [Fact]
    public void Lines_stay_lines_where_they_may() => Printable.Lines("a\nb\u001bc").ShouldBe("a\nb�c");

    [Fact]
    public void Class_names_and_file_names_do_not_reach_the_terminal_as_they_are()
    {
        var model = _folder.WriteModel(classNames: [.. Enumerable.Repeat(Nasty, TinyModel.Classes)]);
        var image = Directory.GetFiles(_folder.WriteImages("images", 1)).Single();
        File.Move(image, Path.Combine(Path.GetDirectoryName(image)!, "\u001b[2J[bold].png"));
        var run = CliRun.Of("predict", model, "--images", _folder["images"]);
        run.Code.ShouldBe(0, run.Error);
        run.Out.ShouldContain("�[2J[bold].png");
        run.Out.ShouldContain("[red]�");
        Clean(run.Out);
        Clean(run.Error);
    }

    [Fact]
    public void A_name_in_an_error_or_in_progress_does_not_either()
    {
        var run = CliRun.Of("inspect", $"/nowhere/{Nasty}.safetensors");
        run.Code.ShouldBe(3);
        run.ErrorLine.ShouldContain("[red]�");
        Clean(run.Error);
        Clean(CliRun.Of("inspect", $"/nowhere/{Nasty}.safetensors", "--verbose").Error);

        using var written = new StringWriter();
        new LineProgress(written, TimeProvider.System).Report(new ProgressUpdate(Nasty, 1, 2, Note: Nasty, Status: Nasty));
        Clean(written.ToString());
        using var drawn = new StringWriter();
        var streams = new CliStreams(TextWriter.Null, drawn, ErrorIsTerminal: true);
        BarProgress.During(streams, bars =>
        {
            bars.Report(new ProgressUpdate(Nasty, 1, 2, Note: Nasty, Status: Nasty));
            bars.Report(new ProgressUpdate(Nasty, 2, 2, Status: Nasty));
            return 0;
        });
        drawn.ToString().ShouldNotContain("]0;title\a");
        drawn.ToString().ShouldNotContain("\u202E");
    }

    [Theory]
    [InlineData("arguments", "[null]")]
    [InlineData("arguments", "null")]
    [InlineData("arguments", "[\"resume\",\".\"]")]
    [InlineData("arguments", "[\"report\",\"x\",\"-o\",\"/tmp/elsewhere.html\",\"--force\"]")]
    [InlineData("arguments", "[\"\\ud800\"]")]
    [InlineData("working_directory", "null")]
    [InlineData("command", "7")]
    [InlineData("format_version", "1e99")]
    public void A_run_folder_that_was_tampered_with_is_refused(string key, string value)
    {
        var manifest = new JsonObject { ["format_version"] = 1, ["command"] = "inspect", ["arguments"] = new JsonArray("frobnicate"), ["working_directory"] = "/", ["version"] = "0" };
        _folder.Write("run/run.json", manifest.ToJsonString().Replace($"\"{key}\":{manifest[key]!.ToJsonString()}", $"\"{key}\":{value}"));
        var run = CliRun.Of("resume", _folder["run"]);
        run.Code.ShouldBe(ExitCodes.Input, run.Error);
        run.ErrorLine.ShouldContain(_folder["run"]);
    }

    private static void Clean(string text) => text.Where(c => (char.IsControl(c) && c != '\n') || c is '\u202E' or '\u2028').ShouldBeEmpty();
}
