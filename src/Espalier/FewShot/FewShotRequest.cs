using Espalier.Budget;
using Espalier.Compute;
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

    /// <summary>
    /// For methods that compare students with the teacher on the training images, where there are any and nothing else was asked for: those judge better
    /// than synthetic ones, and cost nothing to make.
    /// </summary>
    public FewShotRequest JudgedByItsImages() =>
        Images is null || MetricSet.Source is not null ? this : this with { MetricSet = MetricSet with { Source = MetricSetOptions.TrainingImages } };
}
