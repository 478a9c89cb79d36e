namespace Espalier.Runs;

/// <summary>
/// Turns "step s of n is done" into updates with a rate and the time left. One meter per stage. It counts from its first report on: what a resumed stage
/// had done before is not in the rate, nor is the first step, which is the slowest by far.
/// </summary>
/// <param name="progress">Where updates go.</param>
/// <param name="time">The clock; injected, so that tests need not wait.</param>
/// <param name="stage">Name of the stage.</param>
/// <param name="total">Steps in all; 0 when unknown.</param>
/// <param name="unit">What the rate counts.</param>
/// <param name="unitsPerStep">How many units one step handles, e.g. the batch size.</param>
public sealed class ProgressMeter(
    IProgress<ProgressUpdate> progress,
    TimeProvider time,
    string stage,
    long total,
    string unit = "steps",
    double unitsPerStep = 1)
{
    // A century; a span of time holds no more than some thousand million years' worth of ticks.
    private const double MostSeconds = 100 * 365.25 * 86400;
    private (long Step, long Time)? _first;

    /// <summary>Reports that <paramref name="step"/> steps are done.</summary>
    /// <param name="step">Steps done, counted from the stage's start.</param>
    /// <param name="loss">Latest loss.</param>
    /// <param name="status">How things stand.</param>
    public void Report(long step, double? loss = null, string? status = null)
    {
        var first = _first ??= (step, time.GetTimestamp());
        var seconds = time.GetElapsedTime(first.Time).TotalSeconds;
        var done = step - first.Step;
        double? stepsPerSecond = done > 0 && seconds > 0 ? done / seconds : null;
        TimeSpan? left = stepsPerSecond is { } rate && total > 0 ? TimeSpan.FromSeconds(Math.Clamp((total - step) / rate, 0, MostSeconds)) : null;
        progress.Report(new(stage, step, total, loss, stepsPerSecond * unitsPerStep, unit, left, Status: status));
    }
}
