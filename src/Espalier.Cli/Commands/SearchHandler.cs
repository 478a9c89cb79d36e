using Espalier.Cli.Output;
using Espalier.Models.Data;
using Espalier.Ofb;
using Espalier.Runs;
using Espalier.Supervised;

namespace Espalier.Cli.Commands;

/// <summary><c>search</c>.</summary>
internal static class SearchHandler
{
    private const int DefaultEpochs = 20;

    public static CompressResult Run(SearchOptions options, CommandContext context)
    {
        var data = ImageDataset.Open(options.Data, LabelPolicy.Required);
        var model = WeightedModel.Open(options.Model, context);
        var request = new SearchRequest
        {
            Model = model.FoldLayerScale(),
            Target = options.Target,
            Data = data,
            Eval = options.Eval is { } eval ? ImageDataset.Open(eval, LabelPolicy.Required) : null,
            HoldOut = options.Training.HoldOut ?? SearchRequest.DefaultHoldOut(data),
            Options = OfbSetup.Options(options.Profile, options.Switches).With(options.Training, options.Accumulate, model.Architecture.ImageSize),
            Effort = options.Effort is { Steps: null, Minutes: null, Epochs: null }
                ? new TrainingEffort(Epochs: DefaultEpochs)
                : new TrainingEffort(options.Effort.Steps, options.Effort.Epochs, options.Effort.Time),
            TellWidths = context.Common.Verbose,
            Strict = options.Training.Strict,
            Seed = (ulong)context.Common.Seed,
            Compute = Computing.Of(context),
        };
        context.CheckOutput(options.Output, request.Reads);
        request = request with
        {
            Target = request.Target.Measured(request.Model, target => new OfbMethod(request with { Target = target }, context.Time).Plan.Example, context),
        };
        var method = new OfbMethod(request, context.Time);
        foreach (var warning in method.Plan.Warnings) context.Progress.Report(ProgressUpdate.Message("plan", warning));
        using var folder = context.OpenRun(options.Output, request.Reads);
        request.Target.Remember(folder);
        var result = method.Run(folder, context.Progress, context.Cancellation);
        var report = OfbReport.Of(method, result, folder) with
        {
            Profile = options.Profile,
            Output = options.Output,
            LatencyKept = request.Target.Achieved(request.Model, folder.Result, context),
        };
        context.Write(report, folder);
        folder.Complete();
        return CompressResult.Of(report);
    }
}
