using Espalier.Runs;
using Espalier.Training;

namespace Espalier.FewShot;

/// <summary>A finetune inside a step of a run: progress, checkpoint, loss curve and the clock. The method brings the training itself.</summary>
/// <param name="Title">What progress calls it.</param>
/// <param name="Steps">Gradient steps.</param>
/// <param name="ImagesPerStep">Images of one step, for the rate that is shown.</param>
/// <param name="PartsLeft">Equal parts the time that is left must still serve, this one included.</param>
internal sealed record FinetuneStep(string Title, long Steps, int ImagesPerStep, int PartsLeft)
{
    // A machine that became slower than it was when the steps were planned may not hold up the whole run.
    private const double Patience = 1.5;

    /// <summary>Runs the training.</summary>
    /// <param name="session">The session.</param>
    /// <param name="context">The step; its folder takes the checkpoint.</param>
    /// <param name="train">Trains a student in place with a loop that is given these hooks; answers how many steps it took.</param>
    internal FinetuneRecord Run(FewShotSession session, StepContext context, Func<LoopHooks, long> train)
    {
        var (begun, checkpoint) = (session.Time.GetTimestamp(), context.Checkpoint(session.Time));
        var before = checkpoint.Seconds();
        var curve = new LossCurve(Steps, points: 100);
        var meter = new ProgressMeter(context.Progress, session.Time, Title, Steps, "images", ImagesPerStep);
        var share = session.Budget is { } budget ? TimeBudget.Share(budget.Left, PartsLeft) * Patience : (TimeSpan?)null;
        var taken = train(new LoopHooks(
            report => meter.Report(report.Step, report.Loss),
            () => session.Budget is { } clock && (clock.IsOver || session.Time.GetElapsedTime(begun) > share),
            checkpoint) { Curve = curve });
        return new FinetuneRecord(taken, Steps, before + session.Time.GetElapsedTime(begun).TotalSeconds)
        {
            Losses = [.. curve.Points.Select(p => new LossPoint(p.Step, p.Loss))],
        };
    }
}
