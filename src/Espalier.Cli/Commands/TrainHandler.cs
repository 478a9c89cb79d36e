using Espalier.Cli.Output;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Supervised;

namespace Espalier.Cli.Commands;

/// <summary><c>train</c> and <c>finetune</c>.</summary>
internal static class TrainHandler
{
    private const int DefaultEpochs = 10;

    public static TrainResult Run(TrainOptions options, CommandContext context, bool fromScratch)
    {
        var run = new CommandRun(context, options.Output);
        var source = fromScratch ? ModelSource.OpenArchitecture(options.Model).At(options.ImageSize) : WeightedModel.Open(options.Model, context, options.ImageSize);
        var result = new EspalierModel(source).Train(options.Output, new Espalier.TrainOptions
        {
            Data = ImageDataset.Open(options.Data, LabelPolicy.Required),
            Eval = options.Eval is { } eval ? ImageDataset.Open(eval, LabelPolicy.Required) : null,
            HoldOut = options.Training.HoldOut ?? 0,
            Recipe = options.Training.Over(fromScratch ? new TrainRecipe() : TrainRecipe.Finetuning),
            Effort = options.Effort.OrEpochs(DefaultEpochs),
            Strict = options.Training.Strict,
        }.For(run, context), context.Progress, context.Cancellation);
        return new TrainResult(run.Output!, result.Steps, result.Epochs, result.Loss, run.Seconds)
        {
            Top1 = result.Top1,
            Top5 = result.Top5,
            HoldOutTop1 = result.HoldOutTop1,
        };
    }
}
