using Espalier.FewShot;
using Espalier.Models.Vit;
using Espalier.Runs;
using Espalier.Training;

namespace Espalier.DcVit;

/// <summary>A finetune inside a step of a run: progress, checkpoint, loss curve and the clock.</summary>
internal static class FinetuneStep
{
    // A machine that became slower than it was when the steps were planned may not hold up the whole run.
    private const double Patience = 1.5;

    /// <summary>Trains the student in place; the record's metric is still to be measured.</summary>
    /// <param name="session">The session.</param>
    /// <param name="context">The step; its folder takes the checkpoint.</param>
    /// <param name="student">The compressed network.</param>
    /// <param name="compressed">All blocks compressed so far, the newest last.</param>
    /// <param name="steps">Gradient steps.</param>
    /// <param name="stream">Names the finetune's random stream.</param>
    /// <param name="title">What progress calls it.</param>
    /// <param name="partsLeft">Equal parts the time that is left must still serve, this one included.</param>
    internal static FinetuneRecord Run(FewShotSession session, StepContext context, VitModel student, int[] compressed,
        long steps, string stream, string title, int partsLeft)
    {
        var begun = session.Time.GetTimestamp();
        var curve = new LossCurve(steps, points: 100);
        var meter = new ProgressMeter(context.Progress, session.Time, title, steps, "images", session.Finetuner.ImagesPerStep);
        var share = session.Budget is { } budget ? TimeBudget.Share(budget.Left, partsLeft) * Patience : (TimeSpan?)null;
        long taken = 0;
        session.Finetuner.Run(student, compressed, steps, stream,
            new Checkpoint(Path.Combine(context.Folder, "checkpoint.safetensors"), TimeSpan.FromMinutes(1), session.Time),
            report =>
            {
                taken = report.Step;
                curve.Add(report.Step, report.Loss);
                meter.Report(report.Step, report.Loss);
            },
            () => session.Budget is { } clock && (clock.IsOver || session.Time.GetElapsedTime(begun) > share), context.Cancellation);
        File.Delete(Path.Combine(context.Folder, "checkpoint.safetensors"));
        return new FinetuneRecord(compressed[^1], double.NaN, taken, steps, session.Time.GetElapsedTime(begun).TotalSeconds)
        {
            Losses = [.. curve.Points.Select(p => new LossPoint(p.Step, p.Loss))],
        };
    }
}
