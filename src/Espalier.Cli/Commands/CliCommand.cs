using System.CommandLine;
using System.Text;
using Espalier.Cli.Options;
using Espalier.Cli.Output;
using Espalier.Cli.Processes;
using Espalier.Cli.Progress;
using Espalier.Torch.Distributed;

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

    /// <param name="parsed">The command line.</param>
    /// <param name="arguments">The command line as typed.</param>
    /// <param name="streams">Where to write.</param>
    /// <param name="cancellation">Ctrl+C.</param>
    internal int Execute(ParseResult parsed, IReadOnlyList<string> arguments, CliStreams streams, CancellationToken cancellation)
    {
        using var shared = IsShared ? SharedCommand.Start(ProcessCount(parsed), arguments, streams.Error, cancellation) : null;
        if (shared is null) return Execute(parsed, arguments, streams, null, null, null, cancellation, cancellation);
        try
        {
            // The first process's command line counts for all: however the others were started, they do the same.
            var line = Encoding.UTF8.GetString(shared.Group.BroadcastBytes(Encoding.UTF8.GetBytes(string.Join('\0', arguments)))).Split('\0');
            var (command, options) = shared.Group.IsFirst ? (this, parsed) : EspalierApp.Parse(line);
            var code = command!.Execute(options, line, streams, null, shared.Group, advice => shared.Advice = advice, cancellation, shared.Cancellation);
            shared.Group.Leave();
            return code;
        }
        catch (Exception error)
        {
            var explained = shared.Explain(error);
            if (shared.IsQuiet) return ExitCodes.Of(explained);
            throw explained == error ? error : explained;
        }
    }

    /// <param name="parsed">The command line.</param>
    /// <param name="arguments">The command line as typed.</param>
    /// <param name="streams">Where to write.</param>
    /// <param name="resumed">The run folder to go on with.</param>
    /// <param name="group">Processes that do it together; the first one speaks for all.</param>
    /// <param name="onStart">Given what tells how to go on when the command ends early.</param>
    /// <param name="asked">Cancelled when the user wants it to stop.</param>
    /// <param name="cancellation">Cancelled when it must stop for any reason.</param>
    internal int Execute(ParseResult parsed, IReadOnlyList<string> arguments, CliStreams streams, string? resumed, ProcessGroup? group,
        Action<Func<string>>? onStart, CancellationToken asked, CancellationToken cancellation)
    {
        var common = Common.Read(parsed);
        var speaks = group?.IsFirst ?? true;
        var result = ProgressOutput.During(streams, speaks ? common : common with { Quiet = true }, TimeProvider.System, progress =>
        {
            var context = new CommandContext
            {
                Command = Name, Arguments = [.. arguments], Common = common, Streams = streams, Progress = progress,
                Cancellation = cancellation, ResumedFolder = resumed, Group = group, OnStart = onStart, Asked = asked,
            };
            onStart?.Invoke(() => context.Advice);
            using var late = new LateExit(streams, () => $"Cancelled.{context.Advice}", asked);
            try
            {
                return Run(parsed, context);
            }
            catch (OperationCanceledException error)
            {
                throw new OperationCanceledException($"Cancelled.{context.Advice}", error);
            }
        });
        if (result is not null && speaks) ResultOutput.Write(result, common, streams);
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
