using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Torch;
using Espalier.Torch.Distributed;

namespace Espalier.Repair;

/// <summary>The unlabelled images repairs are fitted to, preprocessed once, in batches that are also the folds images are left out by.</summary>
public sealed class Calibration : IDisposable
{
    private const int LargestBatch = 25;
    private const int MostFolds = 10;
    private readonly Tensor[] _batches;
    private readonly int[] _own;
    private readonly int _perView;

    /// <param name="images">At least 1.</param>
    /// <param name="model">Gives preprocessing and device.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <param name="views">What to look at besides the images as they are; null: nothing.</param>
    /// <param name="group">Processes that share the batches of a transformer, where there are enough; sums are then taken over all of them.</param>
    public Calibration(ImageDataset images, Model model, CancellationToken cancellation = default, Views? views = null, ProcessGroup? group = null)
    {
        if (images.Count == 0) throw new ArgumentException("A repair needs images; there are none.");
        views ??= new Views();
        (Count, Images) = (images.Count, images.Count * views.Count);
        var size = Math.Clamp(images.Count / MostFolds, 1, LargestBatch);
        var parts = Enumerable.Range(0, images.Count).Chunk(size).ToList();
        _perView = parts.Count;
        var all = parts.Count * views.Count;
        // The repair of a convolutional network looks at some of the images more than once, and so at all of them in every process.
        Group = group is { Size: > 1 } && model is VitModel && all >= group.Size ? group : null;
        _own = [.. Enumerable.Range(0, all).Where(k => Group is null || k % Group.Size == Group.Rank)];
        using var scope = new TensorScope();
        _batches = [.. _own.Select(k =>
        {
            cancellation.ThrowIfCancellationRequested();
            return views.Load(images.Subset(parts[k % parts.Count]), model, k / parts.Count, k);
        })];
        foreach (var batch in _batches) TensorScope.Release(batch);
    }

    /// <summary>Images.</summary>
    public int Count { get; }

    /// <summary>Images as they are looked at, crops included.</summary>
    internal int Images { get; }

    /// <summary>Parts for leaving images out, all views of an image in the same one: between 2 and 10.</summary>
    public int Folds => Math.Clamp(_perView, 2, MostFolds);

    /// <summary>Processes that have a part of the batches each; null when this one has all.</summary>
    internal ProcessGroup? Group { get; }

    /// <summary>Batches of this process.</summary>
    internal int Batches => _batches.Length;

    /// <param name="batch">One of them.</param>
    internal int FoldOf(int batch) => _own[batch] % _perView * Folds / _perView;

    /// <summary>What enters block 0 of a network, of this process's batches.</summary>
    /// <param name="model">The network.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <param name="most">Batches from the first that are no more images than these; at least one batch.</param>
    internal TokenStream Embed(Model model, CancellationToken cancellation, long most = long.MaxValue) =>
        TokenStream.Of((int)Math.Clamp(most / _batches[0].Size(0), 1, _batches.Length), k => model.Stem(_batches[k]), cancellation);

    public void Dispose()
    {
        foreach (var batch in _batches) batch.Dispose();
    }
}
