using Espalier.FewShot;
using Espalier.Models.Formats;
using Espalier.Reports;
using Espalier.Runs;

namespace Espalier.OwnMethod;

/// <summary>The report of a family.</summary>
public static class SweepReport
{
    /// <summary>The report of a run that is done.</summary>
    public static RunReport Of(SweepMethod sweep, SweepResult result, RunFolder folder) =>
        RunReports.Begin(folder, sweep.Request.Model, sweep.Request.Compute, sweep.Request.Eval, sweep.Request.Seed).With(result.Before, after: null) with
    {
        RepeatCommandLine = result.Points.Any(p => p.StoppedEarly) ? null : Repeat(result, folder.Manifest),
        Method = sweep.Request.Method,
        Images = result.Images.Train.Count,
        ImageListHash = result.Images.ListHash,
        Top1Before = result.Top1Before,
        Family = [.. result.Points.Select(p => Member(p, folder.Path))],
        Notes = [.. RunReports.Timed(folder, sweep.Request.Effort.Time, result.Points.Any(p => p.StoppedEarly))],
    };

    private static string? Repeat(SweepResult result, RunManifest manifest)
    {
        List<(string, string)> effort = [("--steps", string.Join(',', result.Points.Select(p => p.Stage.Steps ?? 0)))];
        if (result.SynthesisSteps > 0) effort.Add(("--synthesis-steps", $"{result.SynthesisSteps}"));
        effort.Add((RunReports.Switch, $"rounds={string.Join(',', result.Rounds)}"));
        effort.AddRange(FewShotReport.Looked(result.SearchImages, result.RepairImages, result.Images.Train.Count));
        return RunReports.Repeat(manifest, effort);
    }

    private static ReportMember Member(SweepPoint p, string run) => new()
    {
        Output = p.Folder,
        Keep = p.Keep,
        MacsBudget = p.Cost.MacsBudget,
        MacsFull = p.Cost.MacsFull,
        Params = p.Cost.Parameters,
        Metric = p.Stage.Metric,
        HeldOutAgreement = p.Stage.HeldOut?.Agreement,
        HeldOutKl = p.Stage.HeldOut?.Kl,
        Top1 = p.Stage.Top1,
        Top5 = p.Stage.Top5,
        Steps = p.Stage.Steps ?? 0,
        Structure = ReportBlock.Of(ModelSource.Open(Path.Combine(run, p.Folder)).Architecture),
    };
}
