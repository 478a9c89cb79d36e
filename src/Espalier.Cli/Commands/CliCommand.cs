using System.CommandLine;
using System.Text;
using Espalier.Cli.Options;
using Espalier.Cli.Output;
using Espalier.Cli.Processes;
using Espalier.Cli.Progress;

namespace Espalier.Cli.Commands;

/// <summary>One command: its arguments and options, an example for the help, and the way to its result.</summary>
public abstract class CliCommand(string name, string description) : Command(name, description)
{
    private readonly List<OptionGroup> _groups = [];

    /// <summary>The options every command has.</summary>
    public CommonOptions Common { get; } = new();

    /// <summary>All option groups in the order of the help.</summary>
    public IReadOnlyList<OptionGroup> Groups => [.. _groups, Common];

    private ProcessOptions? Processes { get; set; }

    /// <summary>
    /// Whether all it writes goes into a run folder, or it writes nothing: a run folder that came from elsewhere may record any command, and resuming it
    /// must not write anywhere else, nor go round in circles.
    /// </summary>
    public virtual bool CanBeResumed => true;

    /// <summary>Command lines that work as they are written.</summary>
    public abstract IReadOnlyList<string> Examples { get; }

    /// <summary>Reads the options and does the work; null when there is no result to print.</summary>
    protected abstract CommandResult? Run(ParseResult parsed, CommandContext context);

    /// <summary>How many processes shall share the work; null when nothing is said, or when the command is for one alone.</summary>
    internal virtual int? ProcessCount(ParseResult parsed) => Processes?.Read(parsed);

    /// <summary>Whether several processes can share the work.</summary>
    internal bool IsShared => Processes is not null;

    /// <summary>Whether it reports on its work; one that only hands over to another command leaves that to it.</summary>
    protected virtual bool ShowsProgress => true;

    /// <summary>Does what was typed and gives the exit code.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="arguments">The command line as typed.</param>
    /// <param name="streams">Where to write.</param>
    /// <param name="asked">Ctrl+C.</param>
    /// <exception cref="OperationCanceledException">Stopped by the user; the message says how to go on.</exception>
    internal int Execute(ParseResult parsed, IReadOnlyList<string> arguments, CliStreams streams, CancellationToken asked)
    {
        // Before the processes meet: waiting for each other they cannot be stopped otherwise.
        using var invocation = new Invocation(streams, asked);
        try
        {
            using var shared = IsShared ? SharedCommand.Start(ProcessCount(parsed), arguments, invocation) : null;
            return shared is null ? Execute(parsed, arguments, invocation) : Together(shared, parsed, arguments, invocation);
        }
        catch (OperationCanceledException error)
        {
            throw new OperationCanceledException(invocation.Cancelled, error);
        }
    }

    private int Together(SharedCommand shared, ParseResult parsed, IReadOnlyList<string> arguments, Invocation invocation)
    {
        invocation.Join(shared);
        try
        {
            // The first process's command line counts for all: however the others were started, they do the same.
            var line = Encoding.UTF8.GetString(shared.Group.BroadcastBytes(Encoding.UTF8.GetBytes(string.Join('\0', arguments)))).Split('\0');
            var (command, options) = shared.Group.IsFirst ? (this, parsed) : EspalierApp.Parse(line);
            var code = command!.Execute(options, line, invocation);
            shared.Group.Leave();
            return code;
        }
        catch (Exception error)
        {
            var explained = shared.Explain(error);
            if (shared.IsQuiet) return ExitCodes.Of(explained);
            throw explained == error ? error : explained;
        }
        finally
        {
            // The others are waited for, however that takes.
            invocation.Dispose();
        }
    }

    /// <summary>Carries the command out, with its progress and its result as its options want them.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="arguments">The command line as typed.</param>
    /// <param name="invocation">The program at work.</param>
    /// <param name="resumed">The run folder to go on with.</param>
    internal int Execute(ParseResult parsed, IReadOnlyList<string> arguments, Invocation invocation, string? resumed = null)
    {
        var common = Common.Read(parsed);
        var speaks = invocation.Group?.IsFirst ?? true;
        var shown = speaks && ShowsProgress ? common : common with { Quiet = true };
        var result = ProgressOutput.During(invocation.Streams, shown, TimeProvider.System, progress => Run(parsed, new CommandContext(invocation)
        {
            Command = Name, Arguments = [.. arguments], Common = common, Progress = progress, ResumedFolder = resumed, Group = invocation.Group,
        }));
        if (result is not null && speaks) ResultOutput.Write(result, common, invocation.Streams);
        return ExitCodes.Ok;
    }

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

    /// <summary>Lets several processes share the work.</summary>
    protected void AddProcesses() => Processes = AddGroup(new ProcessOptions());

    /// <summary>Adds the common options, which come last.</summary>
    protected void Complete() => Common.AddTo(this);
}
