namespace Espalier.Runs;

/// <summary>Turns "step s of n is done" into updates with a rate and the time left. One meter per stage.</summary>
/// <param name="progress">Where updates go.</param>
/// <param name="time">The clock; injected, so that tests need not wait.</param>
/// <param name="stage">Name of the stage.</param>
/// <param name="total">Steps in all; 0 when unknown.</param>
/// <param name="unit">What the rate counts.</param>
/// <param name="unitsPerStep">How many units one step handles, e.g. the batch size.</param>
/// <param name="firstStep">Steps done before this meter began; a resumed stage must not count them into its rate.</param>
public sealed class ProgressMeter(
    IProgress<ProgressUpdate> progress,
    TimeProvider time,
    string stage,
    long total,
    string unit = "steps",
    double unitsPerStep = 1,
    long firstStep = 0)
{
    private readonly long _begun = time.GetTimestamp();

    /// <summary>Reports that <paramref name="step"/> steps are done.</summary>
    /// <param name="step">Steps done, counted from the stage's start.</param>
    /// <param name="loss">Latest loss.</param>
    /// <param name="status">How things stand.</param>
    public void Report(long step, double? loss = null, string? status = null)
    {
        var seconds = time.GetElapsedTime(_begun).TotalSeconds;
        var done = step - firstStep;
        double? stepsPerSecond = done > 0 && seconds > 0 ? done / seconds : null;
        TimeSpan? left = stepsPerSecond is { } rate && total > 0 ? TimeSpan.FromSeconds(Math.Max(0, total - step) / rate) : null;
        progress.Report(new(stage, step, total, loss, stepsPerSecond * unitsPerStep, unit, left, Status: status));
    }
}
