using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.Repair;
using Espalier.Runs;

namespace Espalier.OwnMethod;

/// <summary>What the finetune came to.</summary>
/// <param name="Stage">The network at its end.</param>
/// <param name="Finetune">Steps and loss curve.</param>
/// <param name="Blend">Share of the way from the repaired weights to the finetuned ones.</param>
internal sealed record DistillationRecord(FewShotStage Stage, FinetuneRecord Finetune, double Blend);

/// <summary>Finetunes the repaired student; leaves the finetuned one.</summary>
internal static class DistillationStage
{
    internal const string Name = "finetuning";
    private const string RecordFile = "finetuned.json";

    internal static void Run(EspalierSession session, StepContext context)
    {
        if (session.Plan.Knobs.IsEmpty)
        {
            using var merged = session.Finished(session.Teacher);
            ModelFolder.Write(context.Folder, merged);
            return;
        }
        using var student = session.LoadStudent(SearchStage.Name);
        var steps = Steps(session, context, student);
        if (steps > 0)
        {
            var finetune = new FinetuneStep(Name, steps, session.Distiller.ImagesPerStep, PartsLeft: 1)
                .Run(session, context, hooks => session.Distiller.Run(student, steps, hooks, context.Cancellation));
            Refit(session, student, context.Cancellation);
            var share = BlendBack(session, student, context);
            var stage = session.MeasureFinished("finetuned", student, context.Cancellation) with { Steps = finetune.Steps, Seconds = finetune.Seconds };
            StepFile.Write(context.Folder, RecordFile, new DistillationRecord(stage, finetune, share));
        }
        using var finished = session.Finished(student);
        ModelFolder.Write(context.Folder, finished);
    }

    /// <summary>Null when no gradient step was asked for.</summary>
    internal static DistillationRecord? Read(EspalierSession session) =>
        StepFile.Read<DistillationRecord>(session.Folder.StepFolder(Name), RecordFile);

    private static double BlendBack(EspalierSession session, Model student, StepContext context)
    {
        if (!session.Blends) return 1;
        using var repaired = session.LoadStudent(SearchStage.Name);
        var share = Blend.Choose(repaired, student, session.Judge(context.Cancellation), context.Cancellation);
        context.Progress.Report(ProgressUpdate.Message(Name, FormattableString.Invariant(
            $"{share:P0} of the way from the repaired to the finetuned weights is best on {session.Judged.Count} held-out images")));
        return share;
    }

    private static void Refit(EspalierSession session, Model student, CancellationToken cancellation)
    {
        if (session.Options.Refit == 0) return;
        using var refitted = RepairPass.Of(session.Teacher, session.Calibrate(cancellation), session.MeasureSensitivity(cancellation), session.Options.Repair with { Damping = session.Options.Refit })
            .Run(student, student.Architecture, cancellation);
        student.Weights.CopyFrom(refitted.Weights);
    }

    // A walk with the images and crops of the repair follows the gradient steps.
    private static TimeSpan Refitting(EspalierSession session, StepContext context) => session.Options.Refit == 0 ? TimeSpan.Zero
        : TimeSpan.FromSeconds(SearchPace.Measure(session, session.MeasureSensitivity(context.Cancellation), session.Plan, context.Cancellation)
            .Walk(SearchScope.RepairedOn(session) * (1 + SearchScope.CropsOf(session))));

    private static long Steps(EspalierSession session, StepContext context, Model student)
    {
        if (session.Request.Effort.Steps is { } given) return given;
        return PlannedSteps.Once(context.Folder, () =>
        {
            var reserve = session.Reserve(measurements: 1.5, passes: session.Blends ? Blend.Passes : 0) + Refitting(session, context);
            var left = session.Budget!.TimeFor(Name) - reserve;
            // Where there is no time for a step there is none to measure one; processes measure together, or none does.
            return session.Agree(left <= TimeSpan.Zero) ? 0 : Math.Max(0, (long)(left.TotalSeconds / session.Distiller.Measure(student)));
        }, session.Compute.Group);
    }
}
