using System.Runtime.ExceptionServices;

namespace Espalier.Models.Data;

/// <summary>
/// Prepares batches ahead on background threads and hands them out in order. What a batch holds depends only on the data set, the
/// transform, the seed and its position, not on the number of threads or on what was read before.
/// The consumer is one thread; disposing stops the threads and waits for them.
/// </summary>
public sealed class BatchLoader : IDisposable
{
    private readonly BatchMaker maker;
    private readonly LoaderOptions options;
    private readonly Thread[] threads;
    private readonly CancellationTokenSource stop = new();
    private readonly object gate = new();
    private readonly Dictionary<long, object> ready = []; // a Batch, or the exception that came instead
    private readonly long end;
    private long nextToMake, nextToGive;

    /// <exception cref="InputException">The data set is empty.</exception>
    /// <exception cref="UsageException">An option is out of its range.</exception>
    public BatchLoader(ImageDataset dataset, IImageTransform transform, LoaderOptions? options = null)
    {
        this.options = options ?? new();
        this.options.Validate();
        if (dataset.Count == 0) throw new InputException($"{dataset.Name}: there are no images to load.");
        maker = new(dataset, transform, this.options);
        nextToMake = nextToGive = (long)this.options.Start.Epoch * BatchesPerEpoch + this.options.Start.Batch;
        end = this.options.Epochs is { } epochs ? (long)epochs * BatchesPerEpoch : long.MaxValue;
        threads = new Thread[this.options.Threads];
        for (var i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(Work) { IsBackground = true, Name = $"batch loader {i}" };
            threads[i].Start();
        }
    }

    public int BatchesPerEpoch => maker.BatchesPerEpoch;

    /// <summary>The batch that <see cref="Next"/> gives next; store it to go on from there.</summary>
    public LoaderPosition Position => PositionOf(Interlocked.Read(ref nextToGive));

    /// <summary>The next batch, waiting for it if need be; null after the last epoch.</summary>
    /// <exception cref="InputException">An image of this batch cannot be read. Every later call says the same.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was requested; the batch is still to
    /// come.</exception>
    public Batch? Next(CancellationToken cancellation = default)
    {
        using var wake = cancellation.UnsafeRegister(_ => Pulse(), null);
        lock (gate)
        {
            while (true)
            {
                ObjectDisposedException.ThrowIf(stop.IsCancellationRequested, this);
                cancellation.ThrowIfCancellationRequested();
                if (nextToGive >= end) return null;
                if (ready.TryGetValue(nextToGive, out var made))
                {
                    if (made is ExceptionDispatchInfo failure) failure.Throw();
                    ready.Remove(nextToGive++);
                    Monitor.PulseAll(gate);
                    return (Batch)made;
                }
                Monitor.Wait(gate);
            }
        }
    }

    public void Dispose()
    {
        if (stop.IsCancellationRequested) return;
        stop.Cancel();
        Pulse();
        foreach (var thread in threads) thread.Join();
        stop.Dispose();
    }

    private void Work()
    {
        while (TakeNumber() is { } number)
        {
            object made;
            try
            {
                made = maker.Make(PositionOf(number), stop.Token);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                made = ExceptionDispatchInfo.Capture(e); // thrown where the consumer can see it
            }
            lock (gate)
            {
                ready[number] = made;
                Monitor.PulseAll(gate);
            }
        }
    }

    private long? TakeNumber()
    {
        lock (gate)
        {
            while (!stop.IsCancellationRequested && nextToMake < end && nextToMake >= nextToGive + options.Prefetch)
                Monitor.Wait(gate);
            return stop.IsCancellationRequested || nextToMake >= end ? null : nextToMake++;
        }
    }

    private LoaderPosition PositionOf(long number) => new((int)(number / BatchesPerEpoch), (int)(number % BatchesPerEpoch));

    private void Pulse()
    {
        lock (gate) Monitor.PulseAll(gate);
    }
}
