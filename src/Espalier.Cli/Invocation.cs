using Espalier.Cli.Processes;
using Espalier.Reports;
using Espalier.Torch.Distributed;

namespace Espalier.Cli;

/// <summary>
/// The program at work on one command line: where it writes, who asks it to stop, with whom it works, and what it says when it ends early. A command
/// that carries out another one shares it, so that a stop is waited for once and told once.
/// </summary>
internal sealed class Invocation : IDisposable
{
    private readonly LateExit _late;
    private string? _run;

    /// <param name="streams">Where to write.</param>
    /// <param name="asked">Cancelled when the user wants it to stop.</param>
    public Invocation(CliStreams streams, CancellationToken asked)
    {
        (Streams, Asked, Cancellation) = (streams, asked, asked);
        _late = new LateExit(streams, () => Cancelled, asked);
    }

    public CliStreams Streams { get; }

    /// <summary>Cancelled by the user alone, not by the loss of a process.</summary>
    public CancellationToken Asked { get; }

    /// <summary>Cancelled when it must stop for any reason.</summary>
    public CancellationToken Cancellation { get; private set; }

    /// <summary>Processes that do it together; the first one speaks for all. Null: this one alone.</summary>
    public ProcessGroup? Group { get; private set; }

    /// <summary>How to go on when it ends early; empty before there is a run.</summary>
    public string Advice => _run is { } run ? $" What was done is kept; go on with: {CommandLineText.Of(["resume", run])}" : "";

    /// <summary>What is said when the user has stopped it.</summary>
    public string Cancelled => $"Cancelled.{Advice}";

    /// <summary>Notes the run folder to go on with. The first one counts: what is carried out inside a run is a part of it.</summary>
    public void Begin(string run) => _run ??= run;

    /// <summary>Works with other processes from now on.</summary>
    public void Join(SharedCommand shared) => (Group, Cancellation) = (shared.Group, shared.Cancellation);

    /// <summary>The work is over: a stop need not be hurried any more.</summary>
    public void Dispose() => _late.Dispose();
}
