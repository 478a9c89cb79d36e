using Espalier.Training;

namespace Espalier.Finetuning;

/// <summary>
/// How a student is finetuned on few images (§5). Three defaults (batch, learning rate, augmentation) are not the paper's: those need thousands of
/// steps, and these win where there is time for hundreds (<c>docs/results/dcvit-defaults.md</c>).
/// </summary>
public sealed record FinetuneOptions
{
    /// <summary>As the published code finetunes, faults included.</summary>
    public static FinetuneOptions Official { get; } = new()
    {
        BatchSize = 64,
        LearningRate = 3e-5,
        RandAugment = true,
        ImageNetNormalization = true,
        LastUpdatable = 11,
        EpochSchedule = true,
        BatchStatistics = true,
    };

    /// <summary>Which tensors move; null leaves it to the method: <see cref="UpdateRange.Before"/> is DC-ViT's, <see cref="UpdateRange.All"/> that of PRACTISE and of even widths.</summary>
    public UpdateRange? Update { get; init; }

    public FeaturePoint Feature { get; init; } = FeaturePoint.PreGap;

    /// <summary>What a finetune minimises.</summary>
    public FinetuneLoss Loss { get; init; } = FinetuneLoss.Mimic;

    /// <summary>Images per step; the last partial batch of an epoch is kept.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Peak learning rate of AdamW.</summary>
    public double LearningRate { get; init; } = 2e-4;

    /// <summary>Decoupled weight decay on every trainable tensor.</summary>
    public double WeightDecay { get; init; } = 1e-4;

    /// <summary>How the first 1 % of a finetune warms up.</summary>
    public WarmUp WarmUp { get; init; } = WarmUp.Loss;

    /// <summary>Change the learning rate once per epoch instead of at each step.</summary>
    public bool EpochSchedule { get; init; }

    /// <summary>Largest gradient norm; null does not clip.</summary>
    public double? ClipNorm { get; init; }

    /// <summary>RandAugment after crop and flip (<c>data_aug</c>).</summary>
    public bool RandAugment { get; init; }

    /// <summary>Smallest area of a random crop.</summary>
    public double MinCropArea { get; init; } = 0.08;

    /// <summary>Images are normalised with ImageNet's mean and std, whatever the model's are (§11-3).</summary>
    public bool ImageNetNormalization { get; init; }

    /// <summary>Train the final LayerNorm.</summary>
    public bool TrainFinalNorm { get; init; } = true;

    /// <summary>Last block that may be trained, besides L−1; null means that bound alone (§11-7).</summary>
    public int? LastUpdatable { get; init; }

    /// <summary>
    /// BatchNorms of a student that learns go by the batch, and count it, as a network in training mode does; else by the teacher's running statistics,
    /// which few augmented images do not replace well.
    /// </summary>
    public bool BatchStatistics { get; init; }

    /// <summary>Lists every value out of its range.</summary>
    /// <exception cref="UsageException">At least one is.</exception>
    public void Validate()
    {
        var faults = new FaultList();
        faults.Unless(BatchSize >= 1, $"batch size {BatchSize} (at least 1)");
        faults.Unless(LearningRate >= 0 && double.IsFinite(LearningRate), $"learning rate {LearningRate} (at least 0)");
        faults.Unless(WeightDecay >= 0 && double.IsFinite(WeightDecay), $"weight decay {WeightDecay} (at least 0)");
        faults.Unless(ClipNorm is null or > 0, $"clip norm {ClipNorm} (above 0)");
        faults.Unless(MinCropArea is > 0 and <= 1, $"smallest crop {MinCropArea} (in (0, 1])");
        faults.Unless(LastUpdatable is null or >= 0, $"last block to train {LastUpdatable} (at least 0)");
        faults.Throw("Finetune");
    }
}
