using System.Collections.Immutable;
using Espalier.Cli.Options;
using Espalier.Reports;
using Espalier.Runs;
using Espalier.Torch.Distributed;

namespace Espalier.Cli.Commands;

/// <summary>What a command is given besides its own options.</summary>
public sealed class CommandContext
{
    private readonly long _begun;

    /// <param name="invocation">The program at work, of which this command is the whole or a part.</param>
    /// <param name="time">The clock; the system's by default. What the command did before its run counts as the run's time.</param>
    internal CommandContext(Invocation invocation, TimeProvider? time = null)
    {
        (Invocation, Time) = (invocation, time ?? TimeProvider.System);
        _begun = Time.GetTimestamp();
    }

    public required CommonSettings Common { get; init; }

    public required IProgress<ProgressUpdate> Progress { get; init; }

    /// <summary>The program at work, of which this command is the whole or a part.</summary>
    internal Invocation Invocation { get; }

    /// <summary>Cancelled when the command must stop, for whatever reason.</summary>
    public CancellationToken Cancellation => Invocation.Cancellation;

    /// <summary>Everything typed after the program's name.</summary>
    public required ImmutableArray<string> Arguments { get; init; }

    /// <summary>The command's name.</summary>
    public required string Command { get; init; }

    /// <summary>The run folder to go on with; null when the run is a new one.</summary>
    public string? ResumedFolder { get; init; }

    /// <summary>Processes that carry the command out together; null: this one alone.</summary>
    public ProcessGroup? Group { get; init; }

    public TimeProvider Time { get; }

    /// <summary>The command as typed, for reports.</summary>
    public string CommandLine => CommandLineText.Of(Arguments);

    /// <summary>Starts the run folder, or opens the one being resumed; where several processes share it, all but the first get a copy.</summary>
    /// <param name="output">The folder.</param>
    /// <param name="reads">What the run reads, see <see cref="RunFolder.Check"/>.</param>
    public RunFolder OpenRun(string output, params IEnumerable<string> reads)
    {
        var run = SharedRun.Open(Group, () => Open(output, reads));
        if (Group?.IsFirst ?? true) Invocation.Begin(ResumedFolder ?? output);
        run.SaveEvery = TimeSpan.FromSeconds(Common.SaveEvery);
        return run;
    }

    /// <summary>Refuses an output that <see cref="OpenRun"/> would refuse, before there is long work for it.</summary>
    /// <inheritdoc cref="OpenRun"/>
    public void CheckOutput(string output, params IEnumerable<string> reads)
    {
        if (ResumedFolder is null && (Group?.IsFirst ?? true)) RunFolder.Check(output, Common.Force, reads);
    }

    private RunFolder Open(string output, IEnumerable<string> reads)
    {
        var run = ResumedFolder is { } resumed ? RunFolder.Open(resumed) : RunFolder.Create(output, Manifest(), Common.Force, reads);
        if (!run.IsComplete) return Charged(run);
        run.Dispose();
        throw new UsageException($"'{ResumedFolder ?? output}' is finished already; there is nothing to resume.");
    }

    /// <summary>The run, which has used the time since the command began: what was opened and measured for it.</summary>
    internal RunFolder Charged(RunFolder run)
    {
        run.Charge(Time.GetElapsedTime(_begun));
        return run;
    }

    /// <summary>This context for another command, which this one carries out in its own name.</summary>
    internal CommandContext As(string command, ImmutableArray<string> arguments, CommonSettings common, string? resumedFolder) => new(Invocation, Time)
    {
        Command = command, Arguments = arguments, Common = common, Progress = Progress, ResumedFolder = resumedFolder,
    };

    /// <summary>What is written into a run folder about this command.</summary>
    internal RunManifest Manifest() => new()
    {
        Command = Command,
        Arguments = Arguments,
        WorkingDirectory = Directory.GetCurrentDirectory(),
        Version = EspalierVersion.Text,
    };
}
