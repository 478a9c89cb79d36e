namespace Espalier.Models.Data;

/// <summary>
/// Decoded images of a data set, kept in memory while they fit; what no longer fits is decoded each time. Thread-safe.
/// </summary>
public sealed class ImageCache
{
    private readonly ImageDataset dataset;
    private readonly int channels;
    private readonly ImageBuffer?[] images;
    private readonly long capacity;
    private long used;

    /// <param name="dataset">The images.</param>
    /// <param name="channels">1 or 3: what they are decoded to.</param>
    /// <param name="capacity">Bytes of pixels to keep at most.</param>
    public ImageCache(ImageDataset dataset, int channels, long capacity = 1L << 30)
    {
        (this.dataset, this.channels, this.capacity) = (dataset, channels, capacity);
        images = new ImageBuffer?[dataset.Count];
    }

    /// <summary>Bytes of pixels kept so far.</summary>
    public long UsedBytes => Interlocked.Read(ref used);

    /// <summary>The image of one item; do not write to it.</summary>
    /// <exception cref="InputException">The image cannot be read.</exception>
    public ImageBuffer Get(int index)
    {
        if (Volatile.Read(ref images[index]) is { } kept) return kept;
        var image = dataset.Items[index].Load(channels);

        // Two threads may both decode an image; only the first to store it pays for it.
        var size = image.Pixels.LongLength;
        if (Interlocked.Add(ref used, size) > capacity || Interlocked.CompareExchange(ref images[index], image, null) is not null)
            Interlocked.Add(ref used, -size);
        return image;
    }
}
