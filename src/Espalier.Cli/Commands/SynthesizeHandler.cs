using Espalier.Cli.Output;
using Espalier.MetricSets;

namespace Espalier.Cli.Commands;

/// <summary><c>synthesize</c>.</summary>
internal static class SynthesizeHandler
{
    public static SynthesizeResult Run(SynthesizeOptions options, CommandContext context)
    {
        var request = new SynthesisRequest
        {
            Model = WeightedModel.Open(options.Model, context),
            Count = options.Count,
            Steps = options.Effort.Steps,
            Time = options.Effort.Time,
            Seed = (ulong)context.Common.Seed,
            Compute = Computing.Of(context.Common),
        };
        using var folder = context.OpenRun(options.Output, request.Model.Files);
        var result = new SynthesisMethod(request, context.Time).Run(folder, context.Progress, context.Cancellation);
        folder.Complete();
        return new SynthesizeResult(options.Output, result.Count, result.Steps, result.Loss, folder.State.Seconds);
    }
}
