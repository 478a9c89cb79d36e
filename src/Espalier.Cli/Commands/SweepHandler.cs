using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.Cli.Output;
using Espalier.OwnMethod;
using Espalier.Reports;

namespace Espalier.Cli.Commands;

/// <summary><c>sweep</c>.</summary>
internal static class SweepHandler
{
    public static SweepCommandResult Run(SweepOptions options, CommandContext context)
    {
        if (options.Method.Method != MethodNames.Espalier)
            throw new UsageException($"--method {options.Method.Method}: families are made by espalier alone.");
        if (options.Effort.Each is { IsEmpty: false } each && each.Length != options.Points)
            throw new UsageException($"--steps names the steps of {each.Length} models, but there are {options.Points}.");
        if (options.From <= options.To) throw new UsageException($"--from {options.From} must be above --to {options.To}.");
        var effort = options.Effort is { Steps: null, Minutes: null } ? new EffortSettings(null, 20 + 2.5 * (options.Points - 1), null) : options.Effort;
        var request = FewShotSetup.Request(options.Model, Target(options, options.Points - 1), options.Method,
            options.Images, options.Number, effort, context, options.Eval);
        var sweep = EspalierSetup.Sweep(request, options.Method, [.. Enumerable.Range(0, options.Points).Select(k => Target(options, k))],
            context.Time, options.Effort.Each, options.Batch);
        using var folder = context.OpenRun(options.Output, request.Reads);
        var result = sweep.Run(folder, context.Progress, context.Cancellation);
        var report = SweepReport.Of(sweep, result, folder) with { Output = options.Output };
        ReportFiles.Write(report, folder.Path);
        folder.Complete();
        return SweepCommandResult.Of(report);
    }

    // Evenly spaced from the first to the last.
    private static Target Target(SweepOptions options, int k) =>
        new(TargetForm.KeepMacs, options.From + (options.To - options.From) * k / (options.Points - 1), options.Count);
}
