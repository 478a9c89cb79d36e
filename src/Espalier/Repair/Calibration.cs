using Espalier.Evaluation;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>The unlabelled images repairs are fitted to, preprocessed once, in batches that are also the folds images are left out by.</summary>
public sealed class Calibration : IDisposable
{
    private const int LargestBatch = 25;
    private const int MostFolds = 10;
    private readonly Tensor[] _batches;

    /// <param name="images">At least 2.</param>
    /// <param name="model">Gives preprocessing and device.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    public Calibration(ImageDataset images, VitModel model, CancellationToken cancellation = default)
    {
        if (images.Count < 2) throw new ArgumentException($"A repair needs at least 2 images; there {(images.Count == 1 ? "is 1" : "are none")}.");
        Count = images.Count;
        var size = Math.Clamp(images.Count / MostFolds, 1, LargestBatch);
        using var scope = new TensorScope();
        _batches = [.. Enumerable.Range(0, images.Count).Chunk(size).Select(part =>
        {
            cancellation.ThrowIfCancellationRequested();
            return ImageTensors.Load(images.Subset(part), model.Preprocessing, model.Device);
        })];
        foreach (var batch in _batches) TensorScope.Release(batch);
    }

    /// <summary>Images.</summary>
    public int Count { get; }

    /// <summary>Parts for leaving images out: between 2 and 10.</summary>
    public int Folds => Math.Min(MostFolds, _batches.Length);

    internal int Batches => _batches.Length;

    internal int FoldOf(int batch) => batch * Folds / _batches.Length;

    /// <summary>The tokens that enter block 0 of a network.</summary>
    internal TokenStream Embed(VitModel model, CancellationToken cancellation) =>
        TokenStream.Of(_batches.Length, k => model.Embed(_batches[k]), cancellation);

    public void Dispose()
    {
        foreach (var batch in _batches) batch.Dispose();
    }
}
