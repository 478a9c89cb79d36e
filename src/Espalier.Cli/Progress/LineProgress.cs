using System.Globalization;
using Espalier.Cli.Output;
using Espalier.Runs;

namespace Espalier.Cli.Progress;

/// <summary>
/// Plain lines with the time of day, for logs and pipes: at a stage's start and end, whenever there is a remark, and at most every few seconds between.
/// </summary>
internal sealed class LineProgress(TextWriter writer, TimeProvider time) : IProgress<ProgressUpdate>
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private string? _stage;
    private long _lastLine;
    private bool _completed;

    public void Report(ProgressUpdate update)
    {
        lock (_lock)
        {
            var begins = update.Stage != _stage;
            var ends = update.IsComplete && (begins || !_completed);
            if (!begins && !ends && update.Note is null && (_completed || time.GetElapsedTime(_lastLine) < Pause)) return;
            (_stage, _completed, _lastLine) = (update.Stage, update.IsComplete, time.GetTimestamp());
            writer.WriteLine(Printable.Line(Line(update)));
            writer.Flush();
        }
    }

    private string Line(ProgressUpdate update)
    {
        var count = update.Total > 0
            ? string.Create(CultureInfo.InvariantCulture, $" {update.Step}/{update.Total} ({100.0 * update.Step / update.Total:0} %)")
            : update.Step > 0 ? $" {update.Step}" : "";
        var details = ProgressText.Details(update);
        return $"{time.GetLocalNow():HH:mm:ss} {update.Stage}{count}{(details.Length > 0 ? $": {details}" : "")}{(update.Note is { } note ? $": {note}" : "")}";
    }
}
