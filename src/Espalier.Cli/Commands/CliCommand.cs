using System.CommandLine;
using Espalier.Cli.Options;
using Espalier.Cli.Output;
using Espalier.Cli.Progress;
using Espalier.Reports;

namespace Espalier.Cli.Commands;

/// <summary>One command: its arguments and options, an example for the help, and the way to its result.</summary>
public abstract class CliCommand(string name, string description) : Command(name, description)
{
    private readonly List<OptionGroup> _groups = [];

    /// <summary>The options every command has.</summary>
    public CommonOptions Common { get; } = new();

    /// <summary>All option groups in the order of the help.</summary>
    public IReadOnlyList<OptionGroup> Groups => [.. _groups, Common];

    /// <summary>
    /// Whether all it writes goes into a run folder, or it writes nothing: a run folder that came from elsewhere may record any command, and resuming it
    /// must not write anywhere else, nor go round in circles.
    /// </summary>
    public virtual bool CanBeResumed => true;

    /// <summary>Command lines that work as they are written.</summary>
    public abstract IReadOnlyList<string> Examples { get; }

    /// <summary>Reads the options and does the work; null when there is no result to print.</summary>
    protected abstract CommandResult? Run(ParseResult parsed, CommandContext context);

    internal int Execute(ParseResult parsed, IReadOnlyList<string> arguments, CliStreams streams, string? resumed, CancellationToken cancellation)
    {
        var common = Common.Read(parsed);
        var result = ProgressOutput.During(streams, common, TimeProvider.System, progress =>
        {
            var context = new CommandContext
            {
                Command = Name, Arguments = [.. arguments], Common = common, Streams = streams, Progress = progress,
                Cancellation = cancellation, ResumedFolder = resumed,
            };
            using var late = new LateExit(streams, () => Farewell(context), cancellation);
            try
            {
                return Run(parsed, context);
            }
            catch (OperationCanceledException error)
            {
                throw new OperationCanceledException(Farewell(context), error);
            }
        });
        if (result is not null) ResultOutput.Write(result, common, streams);
        return ExitCodes.Ok;
    }

    private static string Farewell(CommandContext context) => context.RunPath is { } run
        ? $"Cancelled. What was done is kept; go on with: {CommandLineText.Of(["resume", run])}" : "Cancelled.";

    /// <summary>Carries the command out inside another one, whose progress it shares.</summary>
    internal CommandResult? RunInside(ParseResult parsed, CommandContext context) => Run(parsed, context);

    /// <summary>Adds a group of options. Call it in the order the help shall have, then <see cref="Complete"/>.</summary>
    protected T AddGroup<T>(T group) where T : OptionGroup
    {
        _groups.Add(group);
        group.AddTo(this);
        return group;
    }

    /// <summary>Adds a required argument.</summary>
    protected Argument<string> AddArgument(string argument, string meaning)
    {
        var added = new Argument<string>(argument) { Description = meaning };
        Add(added);
        return added;
    }

    /// <summary>Adds the common options, which come last.</summary>
    protected void Complete() => Common.AddTo(this);
}
