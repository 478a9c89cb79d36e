using Espalier.Runs;
using Microsoft.Extensions.Logging;

namespace Espalier;

/// <summary>Hands progress to a logger: remarks and finished stages as information, every update as debug.</summary>
public sealed partial class LoggerProgress(ILogger logger) : IProgress<ProgressUpdate>
{
    public void Report(ProgressUpdate value)
    {
        if (value.Note is { } note) LogNote(value.Stage, note);
        else if (value.IsComplete) LogComplete(value.Stage, value.Total, value.Unit ?? "steps");
        else LogStep(value.Stage, value.Step, value.Total, value.Loss, value.Left);
    }

    [LoggerMessage(1, LogLevel.Information, "{Stage}: {Note}")]
    private partial void LogNote(string stage, string note);

    [LoggerMessage(2, LogLevel.Information, "{Stage}: {Total} {Unit} done")]
    private partial void LogComplete(string stage, long total, string unit);

    [LoggerMessage(3, LogLevel.Debug, "{Stage}: {Step} of {Total}, loss {Loss}, {Left} left")]
    private partial void LogStep(string stage, long step, long total, double? loss, TimeSpan? left);
}
