using Espalier.FewShot;
using Espalier.Models.Vit;
using Espalier.Runs;

namespace Espalier.Repair;

/// <summary>What the finetune came to.</summary>
internal sealed record DistillationRecord(FewShotStage Stage, FinetuneRecord Finetune);

/// <summary>Finetunes the repaired student; leaves the finetuned one.</summary>
internal static class DistillationStage
{
    internal const string Name = "finetuning";
    private const string RecordFile = "finetuned.json";
    private const double ReservedShare = 0.02;

    internal static void Run(EspalierSession session, StepContext context)
    {
        using var student = session.LoadStudent(SearchStage.Name);
        var steps = Steps(session, context, student);
        if (steps > 0)
        {
            var finetune = new FinetuneStep(Name, steps, session.Distiller.ImagesPerStep, PartsLeft: 1)
                .Run(session, context, hooks => session.Distiller.Run(student, steps, hooks, context.Cancellation));
            Refit(session, student, context.Cancellation);
            var stage = session.Measure("finetuned", null, student, context.Cancellation) with { Steps = finetune.Steps, Seconds = finetune.Seconds };
            StepFile.Write(context.Folder, RecordFile, new DistillationRecord(stage, finetune));
        }
        VitFolder.Write(context.Folder, student);
    }

    /// <summary>Null when no gradient step was asked for.</summary>
    internal static DistillationRecord? Read(EspalierSession session) =>
        StepFile.Read<DistillationRecord>(session.Folder.StepFolder(Name), RecordFile);

    private static void Refit(EspalierSession session, VitModel student, CancellationToken cancellation)
    {
        if (session.Options.Refit == 0) return;
        using var refitted = new RepairPass(session.Teacher, session.Calibrate(cancellation), session.Weigh(cancellation), session.Options.Repair with { Damping = session.Options.Refit })
            .Run(student, student.Architecture, cancellation);
        student.Weights.CopyFrom(refitted.Weights);
    }

    private static long Steps(EspalierSession session, StepContext context, VitModel student)
    {
        if (session.Request.Effort.Steps is { } given) return given;
        return PlannedSteps.Once(context.Folder, () =>
        {
            var reserve = TimeSpan.FromSeconds(1.5 * PrepareStage.Read(session).EvaluationSeconds + 2) + session.Budget!.Total * ReservedShare;
            return Math.Max(0, (long)((session.Budget.TimeFor(Name) - reserve).TotalSeconds / session.Distiller.Measure(student)));
        });
    }
}
