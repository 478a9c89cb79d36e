using Espalier.Reports;
using Espalier.Runs;

namespace Espalier.Cli.Commands;

/// <summary>A run of the library as the command line begins it: with what was typed, the folder to go on with, and the time since the command began.</summary>
/// <param name="context">The command.</param>
/// <param name="output">The run folder, as typed; null for a command that leaves none behind.</param>
/// <param name="reads">What the command reads besides the run.</param>
internal sealed class CommandRun(CommandContext context, string? output, params IEnumerable<string> reads) : IRunHost
{
    private RunReport? _report;

    public string? Resumed => context.ResumedFolder;

    /// <summary>Where the run is: as typed, or where the folder to go on with lies now.</summary>
    public string? Output => Resumed ?? output;

    /// <summary>The report of the run that is done.</summary>
    public RunReport Report => _report ?? throw new InvalidOperationException("The run left no report.");

    /// <summary>What the run took, earlier sittings included.</summary>
    public double Seconds { get; private set; }

    public void Check(IEnumerable<string> others) => context.Opening.Check(output!, [.. others, .. reads]);

    public RunFolder Open(IEnumerable<string> others) => context.OpenRun(output!, [.. others, .. reads]);

    public RunFolder OpenTemporary(string path) => context.Opening.OpenTemporary(path);

    public void Done(RunReport? report, double seconds) => (_report, Seconds) = (report, seconds);
}
