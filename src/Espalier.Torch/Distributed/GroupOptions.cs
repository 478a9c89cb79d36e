namespace Espalier.Torch.Distributed;

/// <summary>How long processes wait for each other.</summary>
public sealed record GroupOptions
{
    /// <summary>For all of them to appear.</summary>
    public TimeSpan Meeting { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// In one exchange. Long, since some wait while one works alone; a process that was lost is noticed after <see cref="Silence"/>, whatever this is.
    /// </summary>
    public TimeSpan Exchange { get; init; } = TimeSpan.FromHours(24);

    /// <summary>A process that says nothing for so long is lost. One that ends is noticed at once.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Told on a thread of its own when a process was lost, also while this one waits for it.</summary>
    public Action<string>? OnLost { get; init; }

    /// <summary>Ends the wait for the others.</summary>
    public CancellationToken Cancellation { get; init; }
}
