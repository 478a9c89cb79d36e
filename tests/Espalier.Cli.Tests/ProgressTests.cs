using Espalier.Cli.Options;
using Espalier.Cli.Progress;
using Espalier.Runs;
using Espalier.Testing;
using Spectre.Console;

namespace Espalier.Cli.Tests;

public sealed class ProgressTests
{
    private readonly ManualTime _time = new();
    private readonly StringWriter _writer = new();

    [Fact]
    public void A_line_says_what_how_far_how_fast_and_how_long()
    {
        _time.Advance(TimeSpan.FromSeconds(3661));
        new LineProgress(_writer, _time).Report(new("ranking block 3", 25, 100, 0.125, 61.5, "images", TimeSpan.FromSeconds(187)));

        Lines().ShouldBe(["01:01:01 ranking block 3 25/100 (25 %): loss 0.125, 61.5 images/s, 3:07 left"]);
    }

    [Fact]
    public void Lines_come_at_the_start_the_end_and_every_few_seconds()
    {
        var progress = new LineProgress(_writer, _time);
        for (var step = 0; step <= 1000; step++)
        {
            progress.Report(new("training", step, 1000));
            _time.Advance(TimeSpan.FromMilliseconds(20));
        }

        Lines().Length.ShouldBeInRange(4, 6);
        Lines()[0].ShouldContain(" 0/1000");
        Lines()[^1].ShouldContain("1000/1000 (100 %)");
    }

    [Fact]
    public void A_remark_is_never_swallowed()
    {
        var progress = new LineProgress(_writer, _time);
        progress.Report(new("training", 0, 10));
        progress.Report(new("training", 1, 10, Note: "the head was replaced"));

        Lines()[1].ShouldEndWith("the head was replaced");
    }

    [Fact]
    public void Quiet_is_quiet()
    {
        var streams = new CliStreams(_writer, _writer);
        ProgressOutput.During(streams, new CommonSettings { Quiet = true }, _time, progress =>
        {
            progress.Report(new("training", 0, 10));
            return 0;
        });

        _writer.ToString().ShouldBeEmpty();
    }

    [Fact]
    public void Bars_survive_markup_in_names_and_give_the_works_result()
    {
        var streams = new CliStreams(TextWriter.Null, _writer, ErrorIsTerminal: true);
        var result = ProgressOutput.During(streams, new CommonSettings(), _time, progress =>
        {
            progress.Report(new("stage [a]", 1, 2, Note: "note [b]"));
            progress.Report(new("stage [a]", 2, 2));
            progress.Report(ProgressUpdate.Message("stage [c]", "[d]"));
            return 7;
        });

        result.ShouldBe(7);
        _writer.ToString().ShouldContain("note [b]");
    }

    [Fact]
    public void A_bar_without_an_end_is_seen()
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(_writer), Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes });
        BarProgress.Bars(console).AutoRefresh(false).Start(bars =>
        {
            new BarProgress(console, bars).Report(new("measuring", 3, 0));
            bars.Refresh();
            _writer.ToString().ShouldContain("measuring");
        });
    }

    private string[] Lines() => _writer.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
