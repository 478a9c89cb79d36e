using Espalier.Cli.Output;
using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;

namespace Espalier.Cli.Commands;

/// <summary><c>evaluate</c>: accuracy on labelled images.</summary>
internal static class EvaluateHandler
{
    public static EvaluateResult Run(EvaluateOptions options, CommandContext context)
    {
        var source = WeightedModel.Open(options.Model, context, options.ImageSize);
        var dataset = ImageDataset.Open(options.Data, LabelPolicy.Required);
        var compute = Computing.Of(context.Common);
        compute.Apply();
        using var model = source.Load(compute.Device);
        var score = Evaluators.For(source, dataset, options.Batch, compute, "evaluating", context).Score(model, dataset, context.Cancellation);
        return new(score.Top1, score.Top5, score.Count, score.ImagesPerSecond) { Against = Compare(model, options, dataset, compute, context) };
    }

    private static EvaluateComparison? Compare(Model model, EvaluateOptions options, ImageDataset dataset, ComputeOptions compute, CommandContext context)
    {
        if (options.Against is not { } against) return null;
        var source = WeightedModel.Open(against, context);
        using var reference = source.Load(compute.Device);
        var found = new ModelComparison(Evaluators.For(source, dataset, options.Batch, compute, "comparing", context))
            .Compare(model, reference, dataset, context.Cancellation);
        return new(found.Agreement, found.Kl, found.Top1Difference, found.Margin);
    }
}
