using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.Cli.Output;
using Espalier.Models.Formats;
using Espalier.OwnMethod;
using Espalier.Reports;

namespace Espalier.Cli.Commands;

/// <summary><c>sweep</c>.</summary>
internal static class SweepHandler
{
    public static SweepCommandResult Run(SweepOptions options, CommandContext context)
    {
        if (options.Method.Method is { } method && method != EspalierSetup.Name)
            throw new UsageException($"--method {method}: families are made by espalier alone.");
        if (options.From <= options.To) throw new UsageException($"--from {options.From} must be above --to {options.To}.");
        var effort = options.Effort is { Steps: null, Minutes: null } ? new EffortSettings(null, 20 + 2.5 * (options.Points - 1), null) : options.Effort;
        var request = FewShotSetup.Request(options.Model, Target(options, options.Points - 1), options.Method with { Method = EspalierSetup.Name },
            options.Images, options.Number, effort, context, options.Eval);
        var sweep = EspalierSetup.Sweep(request, options.Method, [.. Enumerable.Range(0, options.Points).Select(k => Target(options, k))], context.Time, options.Batch);
        using var folder = context.OpenRun(options.Output);
        var result = sweep.Run(folder, context.Progress, context.Cancellation);
        var report = Report(options, context, sweep, result, folder.State.Seconds);
        ReportFiles.Write(report, folder.Path);
        folder.RemoveSteps();
        return SweepCommandResult.Of(report);
    }

    // Evenly spaced from the first to the last.
    private static Target Target(SweepOptions options, int k) =>
        new(TargetForm.KeepMacs, options.From + (options.To - options.From) * k / (options.Points - 1), options.Count);

    private static RunReport Report(SweepOptions options, CommandContext context, SweepMethod sweep, SweepResult result, double seconds) =>
        RunReports.Begin(context, (options.Model, sweep.Request.Model.Architecture), sweep.Request.Compute, (options.Eval, sweep.Request.Eval), options.Output, seconds)
            .With(result.Before, after: null) with
    {
        Method = EspalierSetup.Name,
        Images = result.Images.Train.Count,
        ImageListHash = result.Images.ListHash,
        Top1Before = result.Top1Before,
        Family = [.. result.Points.Select(p => Member(p, options.Output))],
    };

    private static ReportMember Member(SweepPoint p, string output) => new()
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
        Structure = ReportBlock.Of(ModelSource.Open(Path.Combine(output, p.Folder)).Architecture),
    };
}
