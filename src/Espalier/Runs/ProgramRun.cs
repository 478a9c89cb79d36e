using Espalier.Reports;

namespace Espalier.Runs;

/// <summary>A run that a program begins by a call of the library: only that program knows what it asked for, so only it can go on.</summary>
/// <param name="output">The run folder; null for a run of which nothing stays.</param>
/// <param name="command">The task's name.</param>
/// <param name="options">What the program asks for.</param>
internal sealed class ProgramRun(string? output, string command, RunOptions options) : IRunHost
{
    private readonly long _begun = options.Clock.GetTimestamp();

    public string? Resumed => options.Existing == ExistingRun.GoOn && output is not null && RunFolder.Exists(output) ? output : null;

    private string Output => output ?? throw new InvalidOperationException("Nothing of this run stays, so it has no folder to open.");

    private RunOpening Opening => new(
        // There is no command line that would repeat it.
        RunManifest.Of(command, []), Resumed, options.Existing == ExistingRun.Replace, options.Compute.Group, options.SaveEvery, () => options.Clock.GetElapsedTime(_begun));

    public void Check(IEnumerable<string> reads) => Opening.Check(Output, reads);

    public RunFolder Open(IEnumerable<string> reads) => Opening.Open(Output, reads);

    public RunFolder OpenTemporary(string path) => Opening.OpenTemporary(path);

    public void Done(RunReport? report, double seconds)
    {
    }
}
