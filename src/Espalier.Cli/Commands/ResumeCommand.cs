using System.CommandLine;
using System.Text;
using Espalier.Cli.Output;
using Espalier.Cli.Processes;
using Espalier.Runs;
using Espalier.Torch.Distributed;

namespace Espalier.Cli.Commands;

internal sealed class ResumeCommand : CliCommand
{
    private readonly Argument<string> _run;

    public ResumeCommand() : base("resume", "Goes on with an interrupted run where it stopped.")
    {
        _run = AddArgument("RUN", "The run folder.");
        AddProcesses();
        Complete();
    }

    public override bool CanBeResumed => false;

    /// <summary>The command it goes on with shows its own.</summary>
    protected override bool ShowsProgress => false;

    public override IReadOnlyList<string> Examples => ["espalier resume runs/small"];

    /// <summary>As given, or else as the run was begun.</summary>
    internal override int? ProcessCount(ParseResult parsed)
    {
        if (base.ProcessCount(parsed) is { } given) return given;
        if (SharedCommand.IsStarted) return null;
        var folder = parsed.GetRequiredValue(_run);
        if (!RunFolder.Exists(folder)) return null;
        var (command, recorded) = EspalierApp.Parse(RunFolder.ReadManifest(folder).Arguments);
        return command?.ProcessCount(recorded);
    }

    /// <summary>Runs the recorded command on the same folder; where and how to compute, and how to talk about it, is this command line's choice.</summary>
    protected override CommandResult? Run(ParseResult parsed, CommandContext context)
    {
        var folder = Path.GetFullPath(parsed.GetRequiredValue(_run));
        var (recorded, place) = Recorded(folder, context.Group);
        if (context.Group?.IsFirst ?? true) context.Invocation.Begin(folder);
        var arguments = Common.Over(recorded, parsed);
        if (Common.OfRun(parsed) is { } option && !context.Common.Quiet)
            context.Invocation.Streams.Error.WriteLine($"espalier: {option} is the run's own, as it was begun; what is given here changes nothing.");
        // Relative paths among the recorded arguments start where the command was typed.
        if (Directory.Exists(place)) Directory.SetCurrentDirectory(place);
        else if (!context.Common.Quiet)
            context.Invocation.Streams.Error.WriteLine(Printable.Line($"espalier: {place}, where the run was begun, is gone; relative paths start here."));
        EspalierApp.Resume(arguments, folder, context.Invocation);
        return null;
    }

    // Only the first of several processes needs the run folder.
    private static (string[] Arguments, string WorkingDirectory) Recorded(string folder, ProcessGroup? group)
    {
        string[] lines = [];
        if (group?.IsFirst ?? true)
        {
            var manifest = RunFolder.ReadManifest(folder);
            if (!manifest.IsTyped)
                throw new UsageException($"'{folder}' was begun by a program that uses the library; only that program knows its options: let it go on with ExistingRun.GoOn.");
            lines = [manifest.WorkingDirectory, .. manifest.Arguments];
        }
        if (group is not null) lines = Encoding.UTF8.GetString(group.BroadcastBytes(Encoding.UTF8.GetBytes(string.Join('\0', lines)))).Split('\0');
        return (lines[1..], lines[0]);
    }
}
