using Espalier.Cli.Output;
using Espalier.Models.Data;
using Espalier.Ofb;
using Espalier.Reports;
using Espalier.Runs;
using Espalier.Training;

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
            Seed = (ulong)context.Common.Seed,
            Compute = Computing.Of(context),
        };
        request = request with
        {
            Target = request.Target.Measured(request.Model, target => OfbPlan.Create(request.Model.Vit, target, request.Options.FixedEmbed).Example, context),
        };
        var method = new OfbMethod(request, context.Time);
        foreach (var warning in method.Plan.Warnings) context.Progress.Report(ProgressUpdate.Message("plan", warning));
        using var folder = context.OpenRun(options.Output);
        request.Target.Remember(folder);
        var result = method.Run(folder, context.Progress, context.Cancellation);
        var report = Report(options, context, method, result, folder.State.Seconds) with
        {
            LatencyKept = request.Target.Achieved(request.Model, folder.Path, context),
        };
        context.Write(report, folder);
        folder.RemoveSteps();
        return CompressResult.Of(report);
    }

    private static RunReport Report(SearchOptions options, CommandContext context, OfbMethod method, SearchResult result, double seconds)
    {
        var (request, last, cut) = (method.Request, result.Stages[^1], result.Stages[0]);
        return RunReports.Begin(context, (options.Model, request.Model.Architecture), request.Compute, (options.Eval, request.Eval), options.Output, seconds)
            .With(result.Before, result.After) with
        {
            RepeatCommandLine = RunReports.Repeat(context, "--steps", $"{result.Steps}"),
            Method = OfbSetup.Name,
            Profile = options.Profile,
            Target = options.Target.ToString(),
            TargetMacs = method.Plan.Limit.Amount,
            Images = request.Data.Count - request.HoldOut,
            Top1Before = result.Top1Before,
            Top5Before = result.Top5Before,
            Top1After = last.Top1,
            Top5After = last.Top5,
            EmbedDim = result.Net.EmbedDim,
            EmbedDimBefore = method.Plan.Space.Net.EmbedDim,
            History = new ReportHistory
            {
                Submodules = [.. method.Plan.Space.Submodules.Select(s => new ReportSubmodule(s.Name, s.Table.Units))],
                Moments = [.. result.History.Select(m => new ReportMoment(m.Step, m.Cost, m.Decided, m.Lambda, m.Gamma, m.Sizes))],
            },
            Structure = ReportBlock.Of(result.Net),
            Stages = [.. result.Stages.Select(s => new ReportStage
            {
                Stage = s.Stage, Metric = s.Metric, Top1 = s.Top1, Top5 = s.Top5, Steps = s == cut ? cut.Steps : last.Steps - cut.Steps,
                MacsBudget = result.After.MacsBudget,
            })],
            Losses = [.. result.Losses.Select(p => new ReportLoss(p.Step, p.Loss))],
            Phases = [new ReportPhase("search and recovery", seconds, result.Steps)],
            Notes = [.. method.Plan.Warnings, .. Missed(method, result),
                $"All sizes were decided after {cut.Steps} of {result.Steps} steps. The metric is the cross-entropy on {request.HoldOut} training images kept aside."],
        };
    }

    private static IEnumerable<string> Missed(OfbMethod method, SearchResult result)
    {
        if (!method.Plan.Limit.Met(result.After))
            yield return $"The target {method.Plan.Limit.Describe()} was missed: without the guard, the budget is only pulled at.";
    }
}
