using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary><c>synthesize</c>.</summary>
internal static class SynthesizeHandler
{
    public static SynthesizeResult Run(SynthesizeOptions options, CommandContext context)
    {
        var run = new CommandRun(context, options.Output);
        var result = new EspalierModel(WeightedModel.Open(options.Model, context)).Synthesize(options.Output, new Espalier.SynthesizeOptions
        {
            Count = options.Count,
            Steps = options.Effort.Steps,
            Time = options.Effort.Time,
        }.For(run, context), context.Progress, context.Cancellation);
        return new SynthesizeResult(run.Output!, result.Count, result.Steps, result.Loss, run.Seconds);
    }
}
