using Espalier.Reports;

namespace Espalier.Runs;

/// <summary>
/// Who begins a run: a program by a call of the library, or the command line, which brings along what was typed and the folder that is gone on with.
/// </summary>
internal interface IRunHost
{
    /// <summary>The run folder that is gone on with; null when the run is a new one.</summary>
    string? Resumed { get; }

    /// <summary>Refuses an output that <see cref="Open"/> would refuse, before there is long work for it.</summary>
    /// <param name="reads">What the run reads, see <see cref="RunFolder.Check"/>.</param>
    void Check(IEnumerable<string> reads);

    /// <summary>Starts the run folder, or opens the one that is gone on with; where several processes share it, all but the first get a copy.</summary>
    /// <inheritdoc cref="Check"/>
    RunFolder Open(IEnumerable<string> reads);

    /// <summary>Starts a run whose folder nobody will see.</summary>
    /// <param name="path">The folder, which must not exist.</param>
    RunFolder OpenTemporary(string path);

    /// <summary>Told when all is done.</summary>
    /// <param name="report">What was written; null for a run without a report.</param>
    /// <param name="seconds">What it took, earlier sittings included.</param>
    void Done(RunReport? report, double seconds);
}
