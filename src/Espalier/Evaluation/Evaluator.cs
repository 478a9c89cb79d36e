using Espalier.Compute;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Torch;
using Espalier.Torch.Distributed;

namespace Espalier.Evaluation;

/// <summary>What an evaluation found.</summary>
/// <param name="Top1">Share of images whose likeliest class is right, in [0, 1].</param>
/// <param name="Top5">Share of images whose class is among the five likeliest, in [0, 1].</param>
/// <param name="Count">Images.</param>
/// <param name="Seconds">Time from the first batch to the last, loading included.</param>
public sealed record EvaluationResult(double Top1, double Top5, int Count, double Seconds)
{
    public double ImagesPerSecond => Seconds > 0 ? Count / Seconds : 0;
}

/// <summary>Runs a model over images in evaluation preprocessing.</summary>
public sealed class Evaluator(TimeProvider time)
{
    private const int SmallImage = 64;

    /// <summary>Images per forward pass.</summary>
    public int BatchSize { get; init; } = 50;

    /// <summary>Matrix products in bf16.</summary>
    public bool Bf16 { get; init; }

    /// <summary>Processes that score together, each its share of the images; null: this one alone.</summary>
    public ProcessGroup? Group { get; init; }

    /// <summary>Threads that decode and resize ahead.</summary>
    public int LoaderThreads { get; init; } = 1;

    /// <summary>Told how many images are done, of how many.</summary>
    public Action<int, int>? OnProgress { get; init; }

    /// <summary>Top-1 and top-5 accuracy on labelled images.</summary>
    /// <param name="model">The model.</param>
    /// <param name="dataset">Labelled images.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <param name="onBatch">Sees the logits of every batch, too.</param>
    /// <exception cref="InputException">Labels are missing, or one lies outside the model's classes.</exception>
    public EvaluationResult Score(Model model, ImageDataset dataset, CancellationToken cancellation = default, Action<Tensor, Batch>? onBatch = null)
    {
        Require(dataset, model.Architecture);
        long top1 = 0, top5 = 0;
        var begun = time.GetTimestamp();
        ForEachBatch(model, dataset, (logits, batch) =>
        {
            onBatch?.Invoke(logits, batch);
            var ranked = Ranked(logits);
            for (var i = 0; i < batch.Count; i++)
            {
                var rank = Array.IndexOf(ranked[i], batch.Labels[i]);
                if (rank == 0) top1++;
                if (rank >= 0) top5++;
            }
        }, cancellation);
        Span<double> hits = [top1, top5];
        Group?.Sum(hits);
        return new EvaluationResult(hits[0] / dataset.Count, hits[1] / dataset.Count, dataset.Count,
            time.GetElapsedTime(begun).TotalSeconds);
    }

    /// <summary>Images per forward pass that suit their size.</summary>
    public static int BatchFor(Preprocessing preprocessing) => preprocessing.Size <= SmallImage ? 250 : 50;

    /// <summary>An evaluator as the options of the arithmetic ask for it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="compute">How to compute.</param>
    /// <param name="time">The clock.</param>
    /// <param name="onProgress">Told how many images are done, of how many.</param>
    /// <param name="batch">Images per forward pass; null for what suits the model's images.</param>
    public static Evaluator For(Model model, ComputeOptions compute, TimeProvider time, Action<int, int>? onProgress = null, int? batch = null) => new(time)
    {
        BatchSize = batch ?? BatchFor(model.Preprocessing),
        Bf16 = compute.EvaluatesInBf16,
        // On the processor itself, decoding and computing share the cores.
        LoaderThreads = compute.Device == "cpu" ? Math.Max(1, compute.ThreadCount / 2) : compute.ThreadCount,
        OnProgress = onProgress,
        Group = compute.Group,
    };

    /// <summary>Mean cross-entropy on labelled images.</summary>
    /// <exception cref="InputException">Labels are missing, or one lies outside the model's classes.</exception>
    public double Loss(Model model, ImageDataset dataset, CancellationToken cancellation = default)
    {
        Require(dataset, model.Architecture);
        var sum = 0.0;
        ForEachBatch(model, dataset, (logits, batch) =>
        {
            var labels = Tensor.From<long>(Array.ConvertAll(batch.Labels, l => (long)l)).To(logits.Device);
            sum += batch.Count * Functional.CrossEntropy(logits, labels).Item();
        }, cancellation);
        Span<double> all = [sum];
        Group?.Sum(all);
        return all[0] / dataset.Count;
    }

    /// <summary>Up to five likeliest classes of each image with their probabilities, in the order of the set.</summary>
    public void Predict(Model model, ImageDataset dataset, Action<ImageItem, IReadOnlyList<(int Class, double Probability)>> onImage,
        CancellationToken cancellation = default) => ForEachBatch(model, dataset, (logits, batch) =>
    {
        var classes = Ranked(logits);
        var probabilities = logits.Softmax(-1).ToArray<float>();
        var width = model.Architecture.Classes;
        for (var i = 0; i < batch.Count; i++)
        {
            var row = i * width;
            onImage(dataset.Items[batch.Indices[i]], [.. classes[i].Select(c => (c, (double)probabilities[row + c]))]);
        }
    }, cancellation);

    /// <summary>Runs every image once, or this process's share of them; the logits are fp32 and belong to the scope of the call.</summary>
    public void ForEachBatch(Model model, ImageDataset dataset, Action<Tensor, Batch> onBatch, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        var options = new LoaderOptions { BatchSize = BatchSize, Shuffle = false, Epochs = 1, Threads = LoaderThreads, CacheBytes = 0, Share = Group is { } group ? new(group.Rank, group.Size) : default };
        using var loader = new BatchLoader(dataset, new EvalTransform(model.Preprocessing), options);
        var done = 0;
        var halves = new Halves(pixels =>
        {
            using var autocast = new Autocast(Bf16, model.Device);
            return model.Logits(pixels).To(DType.Float32);
        });
        while (loader.Next(cancellation) is { } batch)
        {
            using var giveBack = batch;
            if (batch.Count == 0) continue;
            using var scope = new TensorScope();
            var pixels = Tensor.From<float>(batch.Images, [batch.Count, batch.Channels, batch.Size, batch.Size], model.Device);
            onBatch(halves.Run(pixels), batch);
            OnProgress?.Invoke(done += batch.Total, dataset.Count);
        }
    }

    private static int[][] Ranked(Tensor logits)
    {
        var k = Math.Min(5, logits.Size(-1));
        var flat = logits.TopK(k).Indices.ToArray<long>();
        return [.. flat.Chunk((int)k).Select(row => Array.ConvertAll(row, c => (int)c))];
    }

    /// <summary>Makes sure that a network can be measured on images.</summary>
    /// <exception cref="InputException">Labels are missing, or one lies outside the network's classes.</exception>
    internal static void Require(ImageDataset dataset, Architecture net)
    {
        dataset.RequireLabels();
        var classes = net.Classes;
        // Named classes are numbered by their own list: if that is not as long as the model's, the numbers mean something else.
        var named = dataset.ClassNames.Length;
        if (named > 0 ? named == classes : dataset.ClassCount <= classes) return;
        throw new InputException((named > 0 ? $"{dataset.Name} has {named} classes" : $"{dataset.Name} has labels up to {dataset.ClassCount - 1}")
            + $" but the model knows {classes} classes; evaluate on data of the model's classes, or finetune it on these first.");
    }
}
