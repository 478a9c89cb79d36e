using Espalier.Cli.Output;
using Espalier.Evaluation;
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
        if (options.Against is not { } against)
            return Result(Evaluators.For(source, dataset, options.Batch, compute, "evaluating", context).Score(model, dataset, context.Cancellation));
        var other = WeightedModel.Open(against, context);
        using var reference = other.Load(compute.Device);
        var found = new ModelComparison(Evaluators.For(other, dataset, options.Batch, compute, "comparing", context)).Compare(model, reference, dataset, context.Cancellation);
        return Result(found.Model) with { Against = new(found.Agreement, found.Kl, found.Top1Difference, found.Margin) };
    }

    private static EvaluateResult Result(EvaluationResult score) => new(score.Top1, score.Top5, score.Count, score.ImagesPerSecond);
}
