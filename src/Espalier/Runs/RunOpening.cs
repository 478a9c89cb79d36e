using Espalier.Torch.Distributed;

namespace Espalier.Runs;

/// <summary>How the run folder comes to be, whoever begins the run.</summary>
/// <param name="Manifest">What is written about the run; a run that is gone on with has its own.</param>
/// <param name="Resumed">The run folder that is gone on with; null when the run is a new one.</param>
/// <param name="Replace">Replace what an earlier run left.</param>
/// <param name="Group">Processes that share the run; null: this one alone.</param>
/// <param name="SaveEvery">Time between two saved states of a training.</param>
/// <param name="Spent">What was used already, opening and measuring for the run: a part of its time.</param>
internal sealed record RunOpening(RunManifest Manifest, string? Resumed, bool Replace, ProcessGroup? Group, TimeSpan SaveEvery, Func<TimeSpan> Spent)
{
    /// <inheritdoc cref="IRunHost.Check"/>
    /// <param name="output">The run folder.</param>
    /// <param name="reads">What the run reads, see <see cref="RunFolder.Check"/>.</param>
    internal void Check(string output, IEnumerable<string> reads)
    {
        if (Resumed is null && (Group?.IsFirst ?? true)) RunFolder.Check(output, Replace, reads);
    }

    /// <inheritdoc cref="IRunHost.Open"/>
    /// <inheritdoc cref="Check"/>
    internal RunFolder Open(string output, IEnumerable<string> reads)
    {
        var run = SharedRun.Open(Group, () => OpenFirst(output, reads));
        run.SaveEvery = SaveEvery;
        return run;
    }

    /// <inheritdoc cref="IRunHost.OpenTemporary"/>
    internal RunFolder OpenTemporary(string path) => Charged(RunFolder.Create(path, Manifest, force: false));

    private RunFolder OpenFirst(string output, IEnumerable<string> reads)
    {
        var run = Resumed is null ? RunFolder.Create(output, Manifest, Replace, reads) : RunFolder.Open(Resumed);
        if (!run.IsComplete) return Charged(run);
        run.Dispose();
        throw new UsageException($"'{Resumed ?? output}' is finished already; there is nothing to resume.");
    }

    private RunFolder Charged(RunFolder run)
    {
        run.Charge(Spent());
        return run;
    }
}
