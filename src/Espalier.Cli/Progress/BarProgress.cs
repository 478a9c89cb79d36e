using Espalier.Cli.Output;
using Espalier.Runs;
using Spectre.Console;

namespace Espalier.Cli.Progress;

/// <summary>Bars for a person at a terminal: one for the stage at work; finished stages stay as a line above it.</summary>
internal sealed class BarProgress(IAnsiConsole console, ProgressContext bars) : IProgress<ProgressUpdate>
{
    private readonly Lock _lock = new();
    private string? _stage;
    private ProgressTask? _task;

    public static T During<T>(CliStreams streams, Func<IProgress<ProgressUpdate>, T> work)
    {
        var console = Consoles.For(streams.Error, isTerminal: true, streams.ErrorWidth);
        return Bars(console).Start(bars => work(new BarProgress(console, bars)));
    }

    /// <summary>How the bars look.</summary>
    internal static Spectre.Console.Progress Bars(IAnsiConsole console) => console.Progress()
        .AutoClear(true)
        .HideCompleted(true)
        .Columns(new SpinnerColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn { Width = 30 }, new PercentageColumn());

    private static string Plain(string text) => Markup.Escape(Printable.Line(text));

    public void Report(ProgressUpdate update)
    {
        lock (_lock)
        {
            if (update.Note is { } note) console.MarkupLine(Plain($"{update.Stage}: {note}"));
            if (update.Total == 0 && update.Note is not null) return;
            if (update.Stage != _stage)
            {
                _task?.StopTask();
                _task = bars.AddTask(Plain(update.Stage));
                _stage = update.Stage;
            }
            var details = ProgressText.Details(update);
            var text = details.Length > 0 ? $"{update.Stage}: {details}" : update.Stage;
            _task!.IsIndeterminate = update.Total == 0;
            _task.MaxValue = Math.Max(1, update.Total);
            _task.Description = Plain(text);
            if (update.IsComplete && !_task.IsFinished) console.MarkupLine($"[green]✓[/] {Plain(text)}");
            // A task that has reached its end is hidden, and one of unknown length has none.
            _task.Value = update.Total == 0 ? 0 : update.Step;
        }
    }
}
