using Espalier.Evaluation;

namespace Espalier.Cli.Commands;

/// <summary><c>--latency</c> for the commands that begin no run.</summary>
internal static class Latencies
{
    public static LatencyTarget Latency(this CommandContext context) =>
        new(Computing.Of(context), context.Time, context.Progress, context.Cancellation) { CacheFolder = FewShotSetup.CacheFolder() };
}
