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

    /// <summary>The run folder as this command has it.</summary>
    internal RunOpening Opening =>
        new(RunManifest.Of(Command, Arguments), ResumedFolder, Common.Force, Group, TimeSpan.FromSeconds(Common.SaveEvery), () => Time.GetElapsedTime(_begun));

    /// <summary>Starts the run folder, or opens the one being resumed; where several processes share it, all but the first get a copy.</summary>
    /// <param name="output">The folder.</param>
    /// <param name="reads">What the run reads, see <see cref="RunFolder.Check"/>.</param>
    public RunFolder OpenRun(string output, params IEnumerable<string> reads)
    {
        var run = Opening.Open(output, reads);
        if (Group?.IsFirst ?? true) Invocation.Begin(ResumedFolder ?? output);
        return run;
    }

    /// <summary>This context for another command, which this one carries out in its own name.</summary>
    internal CommandContext As(string command, ImmutableArray<string> arguments, CommonSettings common, string? resumedFolder) => new(Invocation, Time)
    {
        Command = command, Arguments = arguments, Common = common, Progress = Progress, ResumedFolder = resumedFolder,
    };
}
