using Espalier.Cli.Output;
using Espalier.Evaluation;
using Espalier.Models.Formats;
using Espalier.Runs;

namespace Espalier.Cli.Commands;

/// <summary><c>bench</c>: speed of a model, alone or in turn with another; the weights do not matter, so a name will do.</summary>
internal static class BenchHandler
{
    public static BenchResult Run(BenchOptions options, CommandContext context)
    {
        var source = ModelSource.Open(options.Model).At(options.ImageSize);
        var other = options.Against is { } against ? ModelSource.Open(against).At(options.ImageSize) : null;
        var compute = Computing.Of(context.Common);
        compute.Apply();
        var seed = (ulong)context.Common.Seed;
        using var model = source.Load(compute.Device, seed);
        using var rival = other?.Load(compute.Device, seed);
        ProgressMeter? meter = null;
        var bench = new LatencyBench(context.Time)
        {
            Batch = options.Batch,
            Runs = options.Runs,
            Bf16 = compute.EvaluatesInBf16,
            Seed = seed,
            OnProgress = (done, total) => (meter ??= new ProgressMeter(context.Progress, context.Time, "measuring", total, "runs")).Report(done),
        };
        var result = bench.Measure(model, rival, context.Cancellation);
        return new(options.Batch, compute.ThreadCount, compute.Device, Spread(result.LatencyMs)!, result.ImagesPerSecond)
        {
            Speedup = Spread(result.Speedup),
            AgainstLatencyMs = Spread(result.AgainstLatencyMs),
        };
    }

    private static Spread? Spread(Percentiles? values) => values is null ? null : new(values.Median, values.P10, values.P90);
}
