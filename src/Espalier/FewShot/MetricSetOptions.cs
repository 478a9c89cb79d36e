using Espalier.MetricSets;

namespace Espalier.FewShot;

/// <summary>Images on which students are compared with the teacher, and how (§3-4).</summary>
public sealed record MetricSetOptions
{
    /// <summary>A <see cref="Source"/>: images made from the teacher.</summary>
    public const string Synthetic = "synthetic";

    /// <summary>A <see cref="Source"/>: the training images.</summary>
    public const string TrainingImages = "images";

    /// <summary><see cref="Synthetic"/>, <see cref="TrainingImages"/>, or a folder of images; null leaves it to the method.</summary>
    public string? Source { get; init; }

    /// <summary>Whether images are made from the teacher; they are unless something else is asked for.</summary>
    public bool IsSynthetic => Source is null or Synthetic;

    /// <summary>Images in the metric set at most; a larger folder is sampled.</summary>
    public int MaxImages { get; init; } = 50;

    public MetricKind Kind { get; init; } = MetricKind.Kl;

    /// <summary>Keep the synthetic set as stretched JPEGs that are resized and renormalised on loading (§11-4).</summary>
    public bool LossyStorage { get; init; }
}
