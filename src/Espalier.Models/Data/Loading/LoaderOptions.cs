namespace Espalier.Models.Data;

/// <summary>Where a loader stands: the batch <see cref="Batch"/> of the epoch <see cref="Epoch"/>, both from 0.</summary>
public readonly record struct LoaderPosition(int Epoch, int Batch);

/// <summary>How a <see cref="BatchLoader"/> goes through its data.</summary>
public sealed record LoaderOptions
{
    /// <summary>Images a batch, at least 1.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>A new order every epoch, a function of seed and epoch; else the order of the data set.</summary>
    public bool Shuffle { get; init; } = true;

    public ulong Seed { get; init; }

    /// <summary>Epochs after which <see cref="BatchLoader.Next"/> gives null; no end when null.</summary>
    public int? Epochs { get; init; }

    /// <summary>The first batch to give, for going on with an interrupted run.</summary>
    public LoaderPosition Start { get; init; }

    /// <summary>The part of each batch to load; the whole when nothing is said.</summary>
    public BatchShare Share { get; init; }

    /// <summary>Background threads, at least 1.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Batches prepared ahead at most, at least 1.</summary>
    public int Prefetch { get; init; } = 2;

    /// <summary>Leave out images that cannot be read, and say so in <see cref="Batch.Skipped"/>; else the first one is an error.</summary>
    public bool SkipUnreadable { get; init; }

    /// <summary>Bytes of decoded images kept in memory at most.</summary>
    public long CacheBytes { get; init; } = 1L << 30;

    /// <exception cref="UsageException">Lists every value that is out of its range.</exception>
    public void Validate()
    {
        List<string> faults = [];
        if (BatchSize < 1) faults.Add($"batch size {BatchSize} (at least 1)");
        if (Threads < 1) faults.Add($"{Threads} loader threads (at least 1)");
        if (Prefetch < 1) faults.Add($"{Prefetch} batches ahead (at least 1)");
        if (Epochs < 1) faults.Add($"{Epochs} epochs (at least 1)");
        if (Start.Epoch < 0 || Start.Batch < 0) faults.Add($"start at epoch {Start.Epoch}, batch {Start.Batch} (from 0)");
        if (CacheBytes < 0) faults.Add($"{CacheBytes} bytes of cache (from 0)");
        if (faults.Count > 0) throw new UsageException($"Data loading: {string.Join("; ", faults)}.");
    }
}
