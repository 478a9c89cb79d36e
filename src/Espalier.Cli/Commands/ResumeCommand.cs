using System.CommandLine;
using Espalier.Cli.Output;
using Espalier.Runs;

namespace Espalier.Cli.Commands;

internal sealed class ResumeCommand : CliCommand
{
    private readonly Argument<string> _run;

    public ResumeCommand() : base("resume", "Goes on with an interrupted run where it stopped.")
    {
        _run = AddArgument("RUN", "The run folder.");
        Complete();
    }

    public override bool CanBeResumed => false;

    public override IReadOnlyList<string> Examples => ["espalier resume runs/small"];

    /// <summary>Runs the recorded command on the same folder; how to talk about it is this command line's choice.</summary>
    protected override CommandResult? Run(ParseResult parsed, CommandContext context)
    {
        var folder = Path.GetFullPath(parsed.GetRequiredValue(_run));
        var manifest = RunFolder.ReadManifest(folder);
        if (!manifest.IsTyped)
            throw new UsageException($"'{folder}' was begun by a program that uses the library; only that program knows its options: let it go on with ExistingRun.GoOn.");
        List<string> arguments = [.. manifest.Arguments];
        foreach (var (given, option) in new[] { (context.Common.Json, "--json"), (context.Common.Quiet, "--quiet"), (context.Common.Verbose, "--verbose") })
            if (given && !arguments.Contains(option)) arguments.Add(option);
        // Relative paths among the recorded arguments start where the command was typed.
        if (Directory.Exists(manifest.WorkingDirectory)) Directory.SetCurrentDirectory(manifest.WorkingDirectory);
        EspalierApp.Resume(arguments, folder, context.Streams, context.Cancellation);
        return null;
    }
}
