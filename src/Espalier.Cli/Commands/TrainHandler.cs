using Espalier.Cli.Output;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Reports;
using Espalier.Training;

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
            Seed = (ulong)context.Common.Seed,
            Compute = Computing.Of(context),
        };
        request.Recipe.Validate();
        using var folder = context.OpenRun(options.Output);
        var result = new SupervisedMethod(request, context.Time).Run(folder, context.Progress, context.Cancellation);
        var seconds = folder.State.Seconds;
        context.Write(Report(options, context, request, result, seconds), folder);
        return new TrainResult(options.Output, result.Steps, result.Epochs, result.Loss, seconds)
        {
            Top1 = result.Top1,
            Top5 = result.Top5,
            HoldOutTop1 = result.HoldOutTop1,
        };
    }

    private static RunReport Report(TrainOptions options, CommandContext context, SupervisedRequest request, SupervisedResult result, double seconds)
    {
        var cost = (request.Model.Architecture with { Classes = request.Data.ClassCount }).Cost();
        return RunReports.Begin(context, (options.Model, request.Model.Architecture), request.Compute, (options.Eval, request.Eval), options.Output, seconds)
            .With(before: null, cost) with
        {
            Method = context.Command,
            Images = request.Data.Count - request.HoldOut,
            Top1After = result.Top1,
            Top5After = result.Top5,
            Losses = [.. result.Losses.Select(p => new ReportLoss(p.Step, p.Loss))],
            Phases = [new ReportPhase("training", seconds, result.Steps)],
            Notes = [.. result.Notes, .. result.HoldOutTop1 is { } top1 ? [$"top-1 {100 * top1:0.00} % on {request.HoldOut} training images kept aside"] : Array.Empty<string>()],
        };
    }
}
