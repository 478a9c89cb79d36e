using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

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
        var effort = options.Effort is { Steps: null, Minutes: null } ? new EffortSettings(null, Espalier.SweepOptions.DefaultTime(options.Points).TotalMinutes, null) : options.Effort;
        var run = new CommandRun(context, options.Output);
        var model = FewShotSetup.Model(options.Model, options.Method, context);
        var shared = FewShotSetup.Options(Target(options, options.Points - 1), options.Method, options.Images, options.Number, effort, options.Eval, run, context);
        model.Sweep(options.Output, EspalierSetup.Sweep(shared, [.. Enumerable.Range(0, options.Points).Select(k => Target(options, k))], options.Method,
            options.Effort.Each, options.Batch), context.Progress, context.Cancellation);
        return SweepCommandResult.Of(run.Report);
    }

    // Evenly spaced from the first to the last.
    private static Target Target(SweepOptions options, int k) =>
        new(TargetForm.KeepMacs, options.From + (options.To - options.From) * k / (options.Points - 1), options.Count);
}
