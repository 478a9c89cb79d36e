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

    // There is no command line that would repeat it.
    private RunManifest Manifest => new()
    {
        Command = command,
        Arguments = [],
        WorkingDirectory = Directory.GetCurrentDirectory(),
        Version = EspalierVersion.Text,
    };

    public void Check(IEnumerable<string> reads)
    {
        if (Resumed is null && (options.Compute.Group?.IsFirst ?? true)) RunFolder.Check(Output, options.Existing == ExistingRun.Replace, reads);
    }

    public RunFolder Open(IEnumerable<string> reads)
    {
        var folder = SharedRun.Open(options.Compute.Group, () => OpenFirst(reads));
        folder.SaveEvery = options.SaveEvery;
        return folder;
    }

    public RunFolder OpenTemporary(string path) => Charged(RunFolder.Create(path, Manifest, force: false));

    public void Done(RunReport? report, double seconds)
    {
    }

    private RunFolder OpenFirst(IEnumerable<string> reads)
    {
        if (Resumed is null) return Charged(RunFolder.Create(Output, Manifest, options.Existing == ExistingRun.Replace, reads));
        var folder = RunFolder.Open(Output);
        if (!folder.IsComplete) return Charged(folder);
        folder.Dispose();
        throw new UsageException($"'{output}' is finished already; open it as a model, or choose another folder.");
    }

    // What was measured for the run before it had a folder is a part of its time.
    private RunFolder Charged(RunFolder run)
    {
        run.Charge(options.Clock.GetElapsedTime(_begun));
        return run;
    }
}
