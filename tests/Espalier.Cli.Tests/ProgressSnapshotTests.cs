using System.Text.RegularExpressions;
using Espalier.Cli.Progress;
using Espalier.Runs;
using Spectre.Console;

namespace Espalier.Cli.Tests;

/// <summary>A run's progress as a person sees it, on a terminal and in a log.</summary>
public sealed partial class ProgressSnapshotTests
{
    private static readonly ProgressUpdate[] s_run =
    [
        ProgressUpdate.Message("plan", "the last block is never a candidate"),
        new("synthesis", 0, 200),
        new("synthesis", 60, 200, 1.25, 12.345, "steps", TimeSpan.FromSeconds(11)),
        new("synthesis", 200, 200, 0.5, 12.345, "steps", TimeSpan.Zero),
        new("ranking block [3]", 25, 100, 0.125, 61.5, "images", TimeSpan.FromSeconds(187)),
        new("ranking block [3]", 100, 100, 0.1, 60, "images", TimeSpan.Zero),
        new("search and recovery", 5, 40, 2.75, Left: TimeSpan.FromSeconds(3725), Status: "83 % of the target, 4/17 decided, λ 0.4, γ 0.2"),
        ProgressUpdate.Message("search", "all sizes decided after 20 steps"),
    ];

    [Fact]
    public void Bars()
    {
        using var writer = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer), Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes, ColorSystem = ColorSystemSupport.NoColors,
        });
        console.Profile.Width = 120;
        var frames = BarProgress.Bars(console).AutoRefresh(false).Start(bars =>
        {
            var progress = new BarProgress(console, bars);
            List<string> seen = [];
            foreach (var update in s_run)
            {
                writer.GetStringBuilder().Clear();
                progress.Report(update);
                bars.Refresh();
                seen.Add(Visible(writer.ToString()));
            }
            return seen;
        });

        string.Join("\n---\n", frames).ShouldMatchSnapshot("progress-bars");
    }

    [Fact]
    public void Lines()
    {
        using var writer = new StringWriter();
        var time = new ManualTime();
        var progress = new LineProgress(writer, time);
        foreach (var update in s_run)
        {
            time.Advance(TimeSpan.FromSeconds(6));
            progress.Report(update);
        }

        writer.ToString().ShouldMatchSnapshot("progress-lines");
    }

    // What stays on the screen of one refresh: no cursor movements, and a spinner that stands still.
    private static string Visible(string text)
    {
        var lines = Control().Replace(text, "").ReplaceLineEndings("\n").Split('\n').Select(line => line.Split('\r')[^1]);
        return string.Join('\n', Spinner().Replace(string.Join('\n', lines), "*").Split('\n').Where(line => line.Trim().Length > 0));
    }

    [GeneratedRegex(@"\x1b\[[0-9;?]*[A-Za-z]")]
    private static partial Regex Control();

    [GeneratedRegex("[⠀-⣿]")]
    private static partial Regex Spinner();
}
