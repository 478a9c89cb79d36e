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

    public int BatchesPerEpoch { get; } = (dataset.Count + options.BatchSize - 1) / options.BatchSize;

    public Batch Make(LoaderPosition position, CancellationToken cancellation)
    {
        var first = position.Batch * options.BatchSize;
        var total = Math.Min(options.BatchSize, dataset.Count - first);
        var (order, places) = (Order(position.Epoch), options.Share.Of(total));
        var indices = Array.ConvertAll(places, place => order[first + place]);
        var labels = Array.ConvertAll(indices, i => dataset.Items[i].Label ?? -1);
        var length = transform.Channels * transform.Size * transform.Size;
        if (!buffers.TryTake(out var buffer)) buffer = GC.AllocateUninitializedArray<float>(checked(options.BatchSize * length));
        for (var k = 0; k < indices.Length; k++)
        {
            cancellation.ThrowIfCancellationRequested();
            var random = new SeededRandom(options.Seed, "augment", position.Epoch, indices[k]);
            transform.Apply(cache.Get(indices[k]), random, buffer.AsSpan(k * length, length));
        }
        return new(position, places, total, indices, labels, transform.Channels, transform.Size, buffer, buffers.Add);
    }

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
