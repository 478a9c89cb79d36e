using System.Collections.Immutable;
using Espalier.Cli.Options;
using Espalier.Reports;
using Espalier.Runs;

namespace Espalier.Cli.Commands;

/// <summary>What a command is given besides its own options.</summary>
public sealed class CommandContext
{
    public required CommonSettings Common { get; init; }

    public required CliStreams Streams { get; init; }

    public required IProgress<ProgressUpdate> Progress { get; init; }

    public required CancellationToken Cancellation { get; init; }

    /// <summary>Everything typed after the program's name.</summary>
    public required ImmutableArray<string> Arguments { get; init; }

    /// <summary>The command's name.</summary>
    public required string Command { get; init; }

    /// <summary>The run folder to go on with; null when the run is a new one.</summary>
    public string? ResumedFolder { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The run folder in use, for the message of a cancelled command.</summary>
    public string? RunPath { get; internal set; }

    /// <summary>The command as typed, for reports.</summary>
    public string CommandLine => CommandLineText.Of(Arguments);

    /// <summary>Starts the run folder, or opens the one being resumed.</summary>
    public RunFolder OpenRun(string output)
    {
        var run = ResumedFolder is { } resumed ? RunFolder.Open(resumed) : RunFolder.Create(output, Manifest(), Common.Force);
        RunPath = ResumedFolder ?? output;
        run.SaveEvery = TimeSpan.FromSeconds(Common.SaveEvery);
        if (!run.IsComplete) return run;
        run.Dispose();
        throw new UsageException($"'{RunPath}' is finished already; there is nothing to resume.");
    }

    /// <summary>This context for another command, which this one carries out in its own name.</summary>
    internal CommandContext As(string command, ImmutableArray<string> arguments, CommonSettings common, string? resumedFolder) => new()
    {
        Command = command, Arguments = arguments, Common = common, Streams = Streams, Progress = Progress, Cancellation = Cancellation,
        ResumedFolder = resumedFolder, Time = Time,
    };

    /// <summary>What is written into a run folder about this command.</summary>
    internal RunManifest Manifest() => new()
    {
        Command = Command,
        Arguments = Arguments,
        WorkingDirectory = Directory.GetCurrentDirectory(),
        Version = CliVersion.Text,
    };
}
