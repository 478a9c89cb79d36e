using Espalier.Cli.Output;
using Espalier.Evaluation;
using Espalier.Models.Formats;

namespace Espalier.Cli.Commands;

/// <summary><c>bench</c>: speed of a model, alone or in turn with another; the weights do not matter, so a name will do.</summary>
internal static class BenchHandler
{
    public static BenchResult Run(BenchOptions options, CommandContext context)
    {
        var model = new EspalierModel(ModelSource.Open(options.Model).At(options.ImageSize));
        var other = options.Against is { } against ? new EspalierModel(ModelSource.Open(against).At(options.ImageSize)) : null;
        var compute = Computing.Of(context);
        var result = model.Bench(other, options.Batch, options.Runs, compute, (ulong)context.Common.Seed, context.Progress, context.Cancellation);
        return new(options.Batch, compute.ThreadCount, compute.Device, Spread(result.LatencyMs)!, result.ImagesPerSecond)
        {
            Speedup = Spread(result.Speedup),
            AgainstLatencyMs = Spread(result.AgainstLatencyMs),
        };
    }

    private static Spread? Spread(Percentiles? values) => values is null ? null : new(values.Median, values.P10, values.P90);
}
