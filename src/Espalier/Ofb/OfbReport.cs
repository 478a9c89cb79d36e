using Espalier.Reports;
using Espalier.Runs;

namespace Espalier.Ofb;

/// <summary>The report of a search.</summary>
public static class OfbReport
{
    /// <summary>The report of a run that is done.</summary>
    public static RunReport Of(OfbMethod method, SearchResult result, RunFolder folder)
    {
        var (request, last, cut) = (method.Request, result.Stages[^1], result.Stages[0]);
        return RunReports.Begin(folder, request.Model, request.Compute, request.Eval, request.Seed)
            .With(result.Before, result.After).With(method.Plan.Limit) with
        {
            RepeatCommandLine = result.StoppedEarly ? null : RunReports.Repeat(folder.Manifest, [("--steps", $"{result.Steps}")]),
            Method = MethodNames.Ofb,
            Profile = request.Options.Profile,
            Target = request.Target.ToString(),
            Images = request.Data.Count - request.HoldOut,
            SkippedImages = result.SkippedImages,
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
            Phases = [new ReportPhase("search and recovery", folder.State.Seconds, result.Steps)],
            Notes = [.. method.Plan.Warnings, .. RunReports.Skipped(result.SkippedImages), .. RunReports.Timed(folder, request.Effort.Time, result.StoppedEarly), .. Missed(method, result),
                $"All sizes were decided after {cut.Steps} of {result.Steps} steps. The metric is the cross-entropy on {request.HoldOut} training images kept aside."],
        };
    }

    private static IEnumerable<string> Missed(OfbMethod method, SearchResult result)
    {
        if (!method.Plan.Limit.Met(result.After))
            yield return $"The target {method.Plan.Limit.Describe()} was missed: without the guard, the budget is only pulled at.";
    }
}
