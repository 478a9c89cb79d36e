using Espalier.Cli.Output;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Supervised;

namespace Espalier.Cli.Commands;

/// <summary><c>train</c> and <c>finetune</c>.</summary>
internal static class TrainHandler
{
    public static TrainResult Run(TrainOptions options, CommandContext context, bool fromScratch)
    {
        var request = new SupervisedRequest
        {
            Model = fromScratch ? ModelSource.OpenArchitecture(options.Model).At(options.ImageSize)
                : WeightedModel.Open(options.Model, context, options.ImageSize),
            FromScratch = fromScratch,
            Data = ImageDataset.Open(options.Data, LabelPolicy.Required),
            Eval = options.Eval is { } eval ? ImageDataset.Open(eval, LabelPolicy.Required) : null,
            HoldOut = options.Training.HoldOut ?? 0,
            Recipe = options.Training.Over(fromScratch ? new TrainRecipe() : TrainRecipe.Finetuning),
            Effort = options.Effort is { Steps: null, Minutes: null, Epochs: null }
                ? new TrainingEffort(Epochs: 10)
                : new TrainingEffort(options.Effort.Steps, options.Effort.Epochs, options.Effort.Time),
            Strict = options.Training.Strict,
            Seed = (ulong)context.Common.Seed,
            Compute = Computing.Of(context),
        };
        var method = new SupervisedMethod(request, context.Time);
        using var folder = context.OpenRun(options.Output, request.Reads);
        var result = method.Run(folder, context.Progress, context.Cancellation);
        context.Write(SupervisedReport.Of(request, result, folder) with { Output = options.Output }, folder);
        folder.Complete();
        return new TrainResult(options.Output, result.Steps, result.Epochs, result.Loss, folder.State.Seconds)
        {
            Top1 = result.Top1,
            Top5 = result.Top5,
            HoldOutTop1 = result.HoldOutTop1,
        };
    }
}
