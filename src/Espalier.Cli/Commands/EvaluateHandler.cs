using Espalier.Cli.Output;
using Espalier.Models.Data;
using Espalier.Models.Vit;

namespace Espalier.Cli.Commands;

/// <summary><c>evaluate</c>: accuracy on labelled images.</summary>
internal static class EvaluateHandler
{
    public static EvaluateResult Run(EvaluateOptions options, CommandContext context)
    {
        var source = WeightedModel.Open(options.Model, context);
        var dataset = ImageDataset.Open(options.Data, LabelPolicy.Required);
        var compute = Computing.Of(context.Common);
        compute.Apply();
        using var model = source.Load(compute.Device);
        var score = Evaluators.For(source, dataset, options.Batch, compute, "evaluating", context).Score(model, dataset, context.Cancellation);
        return new(score.Top1, score.Top5, score.Count, score.ImagesPerSecond);
    }
}
