using System.Collections.Concurrent;

namespace Espalier.Models.Data;

/// <summary>
/// Makes the batch at any position of the training, by itself and in any order: nothing depends on what was made before.
/// </summary>
internal sealed class BatchMaker(ImageDataset dataset, IImageTransform transform, LoaderOptions options)
{
    private readonly ImageCache cache = new(dataset, transform.Channels, options.CacheBytes);
    private readonly ConcurrentBag<float[]> buffers = [];
    private readonly Lock orderLock = new();
    private (int Epoch, int[] Order) latest = (-1, []);

    public int BatchesPerEpoch { get; } = (int)((dataset.Count + (long)options.BatchSize - 1) / options.BatchSize);

    public Batch Make(LoaderPosition position, CancellationToken cancellation)
    {
        var first = position.Batch * options.BatchSize;
        var total = Math.Min(options.BatchSize, dataset.Count - first);
        var (order, places) = (Order(position.Epoch), options.Share.Of(total));
        var length = transform.Channels * transform.Size * transform.Size;
        if (!buffers.TryTake(out var buffer)) buffer = GC.AllocateUninitializedArray<float>(Floats(length));
        List<(ImageItem, string)> skipped = [];
        var kept = 0;
        foreach (var place in places)
        {
            cancellation.ThrowIfCancellationRequested();
            var index = order[first + place];
            if (Read(index, skipped) is not { } image) continue;
            var random = new SeededRandom(options.Seed, "augment", position.Epoch, index);
            transform.Apply(image, random, buffer.AsSpan(kept * length, length));
            places[kept++] = place;
        }
        places = places[..kept];
        // One process alone has a smaller batch then; several would have to tell each other.
        if (options.Share.Parts <= 1) total = kept;
        var indices = Array.ConvertAll(places, place => order[first + place]);
        var labels = Array.ConvertAll(indices, i => dataset.Items[i].Label ?? -1);
        return new(position, places, total, indices, labels, transform.Channels, transform.Size, buffer, buffers.Add) { Skipped = skipped };
    }

    private ImageBuffer? Read(int index, List<(ImageItem, string)> skipped)
    {
        try
        {
            return cache.Get(index);
        }
        catch (InputException e) when (options.SkipUnreadable)
        {
            skipped.Add((dataset.Items[index], e.Message));
            return null;
        }
    }

    private int Floats(long length) => Math.Min(options.BatchSize, dataset.Count) * length is var floats && floats <= Array.MaxLength ? (int)floats
        : throw new UsageException($"A batch of {options.BatchSize} images of {transform.Size}×{transform.Size} pixels is more than one array can hold; give a smaller batch.") { Settings = [nameof(LoaderOptions.BatchSize)] };

    private int[] Order(int epoch)
    {
        lock (orderLock)
        {
            if (latest.Epoch != epoch)
                latest = (epoch, options.Shuffle
                    ? new SeededRandom(options.Seed, "order", epoch).Permutation(dataset.Count)
                    : [.. Enumerable.Range(0, dataset.Count)]);
            return latest.Order;
        }
    }
}
