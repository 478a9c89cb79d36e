using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Runs;

namespace Espalier.Cli.Commands;

/// <summary>An evaluator as the common options ask for it, with its progress shown.</summary>
internal static class Evaluators
{
    public static Evaluator For(ModelSource source, ImageDataset dataset, int? batch, ComputeOptions compute, string stage, CommandContext context)
    {
        var meter = new ProgressMeter(context.Progress, context.Time, stage, dataset.Count, "images");
        meter.Report(0);
        return new Evaluator(context.Time)
        {
            BatchSize = batch ?? Evaluator.BatchFor(source.Preprocessing),
            Bf16 = compute.EvaluatesInBf16,
            // On the processor itself, decoding and computing share the cores.
            LoaderThreads = compute.Device == "cpu" ? Math.Max(1, compute.ThreadCount / 2) : compute.ThreadCount,
            OnProgress = (done, _) => meter.Report(done),
        };
    }
}
