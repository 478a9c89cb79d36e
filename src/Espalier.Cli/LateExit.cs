using System.Runtime.InteropServices;

namespace Espalier.Cli;

/// <summary>
/// Keeps a stop short: work that has not stopped a few seconds after it was asked to, because a single step of it takes longer, is left where it is. What
/// was saved is whole at every moment, so no more is lost than since the last save.
/// </summary>
internal sealed partial class LateExit : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(4);

    private readonly CancellationTokenRegistration _registration;
    private Timer? _timer;

    /// <param name="streams">How the process is left; nothing happens when it cannot be.</param>
    /// <param name="message">What to say then.</param>
    /// <param name="cancellation">Asks to stop.</param>
    public LateExit(CliStreams streams, Func<string> message, CancellationToken cancellation)
    {
        if (streams.Leave is not { } leave) return;
        _registration = cancellation.Register(() => _timer = new Timer(_ =>
        {
            if (streams.ErrorIsTerminal) streams.Error.Write("\e[?25h\n"); // a bar may have hidden the cursor
            EspalierApp.Fail(streams, ExitCodes.Cancelled, message());
            leave(ExitCodes.Cancelled);
        }, null, s_patience, Timeout.InfiniteTimeSpan));
    }

    public void Dispose()
    {
        _registration.Dispose();
        _timer?.Dispose();
    }

    /// <summary>Ends the process without waiting for any of its threads.</summary>
    [LibraryImport("libc", EntryPoint = "_exit")]
    internal static partial void Leave(int code);
}
