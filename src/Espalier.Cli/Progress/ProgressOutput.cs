using Espalier.Cli.Options;
using Espalier.Runs;

namespace Espalier.Cli.Progress;

/// <summary>Chooses how progress is shown: bars on a terminal, lines elsewhere, nothing with <c>--quiet</c>. Always on stderr.</summary>
internal static class ProgressOutput
{
    /// <summary>Does <paramref name="work"/> while its progress is shown.</summary>
    public static T During<T>(CliStreams streams, CommonSettings common, TimeProvider time, Func<IProgress<ProgressUpdate>, T> work) =>
        common.Quiet ? work(NoProgress.Instance)
        : streams.ErrorIsTerminal ? BarProgress.During(streams, work)
        : work(new LineProgress(streams.Error, time));
}
