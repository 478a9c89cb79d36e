namespace Espalier.Models.Data;

/// <summary>
/// A prepared batch. Dispose it after use to let the loader fill its memory again; a batch that is kept stays valid.
/// </summary>
public sealed class Batch : IDisposable
{
    private readonly Action<float[]> giveBack;
    private float[]? buffer;

    internal Batch(LoaderPosition position, int[] places, int total, int[] indices, int[] labels, int channels, int size,
        float[] buffer, Action<float[]> giveBack)
    {
        (Position, Places, Total, Indices, Labels, Channels, Size) = (position, places, total, indices, labels, channels, size);
        (this.buffer, this.giveBack) = (buffer, giveBack);
    }

    /// <summary>Epoch and number of this batch.</summary>
    public LoaderPosition Position { get; }

    /// <summary>Where in the batch these are; all places but with a <see cref="LoaderOptions.Share"/>.</summary>
    public int[] Places { get; }

    /// <summary>Images of the batch, those of other shares included.</summary>
    public int Total { get; }

    /// <summary>Which items of the data set these are.</summary>
    public int[] Indices { get; }

    /// <summary>Images left out because they could not be read, and why; empty unless the loader is told to go on without them.</summary>
    public IReadOnlyList<(ImageItem Item, string Reason)> Skipped { get; internal init; } = [];

    /// <summary>One label an image, −1 where there is none.</summary>
    public int[] Labels { get; }

    /// <summary>Images; the last batch of an epoch may be smaller than the others, and one of which no image can be read is empty.</summary>
    public int Count => Indices.Length;

    public int Channels { get; }

    /// <summary>Height and width in pixels.</summary>
    public int Size { get; }

    /// <summary>Count × Channels × Size × Size normalised floats.</summary>
    /// <exception cref="ObjectDisposedException">The batch was given back.</exception>
    public Span<float> Images =>
        (buffer ?? throw new ObjectDisposedException(nameof(Batch))).AsSpan(0, Count * Channels * Size * Size);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref buffer, null) is { } returned) giveBack(returned);
    }
}
