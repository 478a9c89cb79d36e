using Espalier.Budget;
using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.Models.Data;
using Espalier.Models.Formats;

namespace Espalier.FewShot;

/// <summary>One few-shot compression, but for the switches of its method.</summary>
public sealed record FewShotRequest
{
    /// <summary>The network to compress. Its layer scales are folded away: methods cut and solve the layers themselves.</summary>
    public required ModelSource Model
    {
        get;
        init => field = value.FoldLayerScale();
    }

    public required Target Target { get; init; }

    /// <summary>Name of the method, for reports and provenance, e.g. <c>dc-vit</c>.</summary>
    public required string Method { get; init; }

    /// <summary>Where the few-shot images are drawn from; null trains on the synthetic images alone.</summary>
    public ImageDataset? Images { get; init; }

    /// <summary>n.</summary>
    public int Count { get; init; } = 500;

    /// <summary>An explicit list of images (<c>samples.txt</c> of another run); null draws by the seed.</summary>
    public string? SampleList { get; init; }

    /// <summary>Labelled images for accuracies; never used for a decision.</summary>
    public ImageDataset? Eval { get; init; }

    public MetricSetOptions MetricSet { get; init; } = new();

    public required FewShotEffort Effort { get; init; }

    public required ulong Seed { get; init; }

    public required ComputeOptions Compute { get; init; }

    /// <summary>Folder where synthetic metric sets are kept for later runs; null keeps none.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>Files and folders it reads, which no output may replace.</summary>
    public IEnumerable<string> Reads
    {
        get
        {
            foreach (var file in Model.Files) yield return file;
            if (SampleList is { } list) yield return list;
            foreach (var set in new[] { Images, Eval, OtherMetricSet() }.OfType<ImageDataset>())
                foreach (var file in set.Files) yield return file;
        }
    }

    /// <summary>
    /// For methods that compare students with the teacher on the training images, where there are any and nothing else was asked for: those judge better
    /// than synthetic ones, and cost nothing to make.
    /// </summary>
    public FewShotRequest JudgedByItsImages() =>
        Images is null || MetricSet.Source is not null ? this : this with { MetricSet = MetricSet with { Source = MetricSetOptions.TrainingImages } };

    /// <summary>This request, once it is sure that model, images, lists and labels go together: all that can be known before there is a run.</summary>
    /// <exception cref="UsageException">Options exclude each other, or the model is none that can be compressed.</exception>
    /// <exception cref="InputException">A list or a set of images does not fit.</exception>
    internal FewShotRequest Checked()
    {
        if (Model.Architecture.MergesTokens)
            throw new UsageException($"{Model.Architecture.Name} merges tokens, so its features cannot be compared one by one; "
                + "compress the network it was made from, and have tokens merged.") { Settings = ["MergeTokens"] };
        if (Model.Architecture.Classes == 0 && (Images is null || MetricSet.IsSynthetic))
            throw new UsageException($"{Model.Architecture.Name} has no head, so that no images can be synthesised from its classes; "
                + (Images is null ? "give images, or finetune a head first." : "let the given images judge it, or finetune a head first.")) { Settings = [Images is null ? nameof(Images) : nameof(MetricSet)] };
        if (SampleList is not null && Images is null)
            throw new UsageException("A list of images to take was named, but not where they lie.") { Settings = [nameof(SampleList), nameof(Images)] };
        if (Images is not null) Draw(Images);
        if (Eval is not null) Evaluator.Require(Eval, Model.Architecture);
        if (OtherMetricSet() is { } set && Images is null)
            throw new UsageException($"The metric set {set.Name} goes with images: "
                + "without any, the synthetic images are what is trained on and what blocks are ranked on.") { Settings = [nameof(MetricSet), nameof(Images)] };
        return this;
    }

    /// <summary>Indices of the few-shot images: those on the list, or drawn by the seed (§6).</summary>
    /// <exception cref="InputException">The list names others, or there is a single one.</exception>
    internal int[] Draw(ImageDataset images)
    {
        var drawn = SampleList is { } list ? Espalier.Models.Data.SampleList.Read(list, images) : FewShotSampler.Sample(images, Count, Seed);
        return drawn.Length >= 2 ? drawn : throw new InputException($"{images.Name}: a single image is too few to compress with; give at least 2.");
    }

    /// <summary>The folder of images that was named as the metric set; null when it is made, or taken from the training images.</summary>
    internal ImageDataset? OtherMetricSet() =>
        MetricSet.IsSynthetic || MetricSet.Source == MetricSetOptions.TrainingImages ? null : ImageDataset.Open(MetricSet.Source!, LabelPolicy.Ignored);
}
