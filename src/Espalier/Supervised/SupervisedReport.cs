using Espalier.Reports;
using Espalier.Runs;

namespace Espalier.Supervised;

/// <summary>The report of a training.</summary>
public static class SupervisedReport
{
    /// <summary>The report of a run that is done.</summary>
    public static RunReport Of(SupervisedRequest request, SupervisedResult result, RunFolder folder)
    {
        var cost = (request.Model.Architecture with { Classes = request.Data.ClassCount }).Cost();
        return RunReports.Begin(folder, request.Model, request.Compute, request.Eval, request.Seed).With(before: null, cost) with
        {
            RepeatCommandLine = result.StoppedEarly ? null : RunReports.Repeat(folder.Manifest, [("--steps", $"{result.Steps}")]),
            Method = request.Method,
            Images = request.Data.Count - request.HoldOut,
            SkippedImages = result.SkippedImages,
            Top1After = result.Top1,
            Top5After = result.Top5,
            Losses = [.. result.Losses.Select(p => new ReportLoss(p.Step, p.Loss))],
            Phases = [new ReportPhase("training", folder.State.Seconds, result.Steps)],
            Notes = [.. result.Notes, .. RunReports.Timed(folder, request.Effort.Time, result.StoppedEarly), .. RunReports.Skipped(result.SkippedImages), .. result.HoldOutTop1 is { } top1 ? [FormattableString.Invariant($"top-1 {100 * top1:0.00} % on {request.HoldOut} training images kept aside")] : Array.Empty<string>()],
        };
    }
}
