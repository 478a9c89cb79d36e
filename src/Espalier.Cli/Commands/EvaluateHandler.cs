using Espalier.Cli.Output;
using Espalier.Evaluation;
using Espalier.Models.Data;

namespace Espalier.Cli.Commands;

/// <summary><c>evaluate</c>: accuracy on labelled images.</summary>
internal static class EvaluateHandler
{
    public static EvaluateResult Run(EvaluateOptions options, CommandContext context)
    {
        var model = new EspalierModel(WeightedModel.Open(options.Model, context, options.ImageSize));
        var (data, compute) = (ImageDataset.Open(options.Data, LabelPolicy.Required), Computing.Of(context));
        if (options.Against is not { } against) return Result(model.Evaluate(data, compute, options.Batch, context.Progress, context.Cancellation));
        var found = model.Compare(new EspalierModel(WeightedModel.Open(against, context, options.ImageSize)), data, compute, options.Batch, context.Progress, context.Cancellation);
        return Result(found.Model) with { Against = new(found.Agreement, found.Kl, found.Top1Difference, found.Margin) };
    }

    private static EvaluateResult Result(EvaluationResult score) => new(score.Top1, score.Top5, score.Count, score.ImagesPerSecond);
}
