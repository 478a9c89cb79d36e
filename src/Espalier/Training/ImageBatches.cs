using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.Training;

/// <summary>Batches of augmented images, prepared ahead on background threads, endless and shuffled anew each epoch.</summary>
public sealed class ImageBatches : IBatchSource
{
    private readonly ImageDataset _dataset;
    private readonly IImageTransform _transform;
    private readonly LoaderOptions _options;
    private readonly string _device;
    private BatchLoader _loader;

    /// <param name="dataset">The images; labels are passed on when it has them.</param>
    /// <param name="transform">Augmentation and normalisation.</param>
    /// <param name="options">Batch size, seed, threads.</param>
    /// <param name="device">Where batches go.</param>
    public ImageBatches(ImageDataset dataset, IImageTransform transform, LoaderOptions options, string device = "cpu")
    {
        (_dataset, _transform, _options, _device) = (dataset, transform, options, device);
        _loader = new BatchLoader(dataset, transform, options);
    }

    /// <summary>Told of every image that was left out (<see cref="LoaderOptions.SkipUnreadable"/>), each time.</summary>
    public Action<ImageItem, string>? OnSkipped { get; init; }

    public string? Trouble { get; private set; }

    public int BatchesPerEpoch => _loader.BatchesPerEpoch;

    public TensorBatch Next()
    {
        using var batch = _loader.Next() ?? throw new InvalidOperationException("The images ended; training batches must be endless.");
        foreach (var (item, reason) in batch.Skipped)
        {
            Trouble ??= reason;
            OnSkipped?.Invoke(item, reason);
        }
        var pixels = Tensor.FromAhead<float>(batch.Images, [batch.Count, batch.Channels, batch.Size, batch.Size], _device);
        var labels = _dataset.HasLabels ? Tensor.FromAhead<long>(Array.ConvertAll(batch.Labels, l => (long)l), [batch.Count], _device) : null;
        return new TensorBatch(pixels, labels) { Places = batch.Count == batch.Total ? null : batch.Places, Total = batch.Total };
    }

    public void Seek(long batch)
    {
        var start = new LoaderPosition((int)(batch / BatchesPerEpoch), (int)(batch % BatchesPerEpoch));
        if (start == _loader.Position) return;
        _loader.Dispose();
        _loader = new BatchLoader(_dataset, _transform, _options with { Start = start });
    }

    public void Dispose() => _loader.Dispose();
}
