using Espalier.Training;

namespace Espalier.OwnMethod;

/// <summary>How a repaired network is finetuned on few unlabelled images without drifting off. Each switch stands in the ablation table.</summary>
public sealed record DistillationOptions
{
    /// <summary>Weight of the feature loss: squared error of tokens or maps over their variance, mean over the depths.</summary>
    public double FeatureWeight { get; init; } = 1;

    /// <summary>Blocks between two depths where features are compared; 0 compares the features alone, after the final LayerNorm.</summary>
    public int FeatureEvery { get; init; } = 3;

    /// <summary>Weight of KL(teacher ‖ student) of the logits. Few images' answers are learned by heart, so there is none unless asked for.</summary>
    public double LogitWeight { get; init; }

    /// <summary>Share of the way back to the repaired weights after each step, the same in every step; 0 is off.</summary>
    public double Pull { get; init; }

    /// <summary>Decay of the weight average that is kept in the end; 0 keeps the last weights.</summary>
    public double Ema { get; init; } = 0.99;

    /// <summary>Share of batches that are mixed, half by mixup and half by CutMix.</summary>
    public double Mix { get; init; } = 0.5;

    /// <summary>
    /// Whether BatchNorms of the student go by the batch while it learns, and count it; else by the running statistics, which stay as the repair left
    /// them.
    /// </summary>
    public bool BatchStatistics { get; init; }

    /// <summary>Train on the synthetic images, too.</summary>
    public bool SyntheticInputs { get; init; }

    /// <summary>Images per step.</summary>
    public int BatchSize { get; init; } = 16;

    public OptimizerKind Optimizer { get; init; } = OptimizerKind.AdamW;

    /// <summary>Highest learning rate.</summary>
    public double LearningRate { get; init; } = 1e-4;

    public double WeightDecay { get; init; } = 1e-4;

    /// <summary>Smallest area of a random crop.</summary>
    public double MinCropArea { get; init; } = 0.35;

    /// <summary>Every value out of its range.</summary>
    internal void AddFaults(FaultList faults)
    {
        faults.Unless(FeatureWeight >= 0 && double.IsFinite(FeatureWeight), $"weight of the features {FeatureWeight} (at least 0)");
        faults.Unless(LogitWeight >= 0 && double.IsFinite(LogitWeight), $"weight of the logits {LogitWeight} (at least 0)");
        faults.Unless(FeatureWeight != 0 || LogitWeight != 0, $"features and logits both with weight 0 (one of them more)");
        faults.Unless(FeatureEvery >= 0, $"features every {FeatureEvery} blocks (at least 0)");
        faults.Unless(Pull is >= 0 and <= 1, $"pull {Pull} (in [0, 1])");
        faults.Unless(Ema is >= 0 and < 1, $"EMA decay {Ema} (in [0, 1))");
        faults.Unless(Mix is >= 0 and <= 1, $"mix {Mix} (in [0, 1])");
        faults.Unless(BatchSize >= 1, $"batch size {BatchSize} (at least 1)");
        faults.Unless(LearningRate >= 0 && double.IsFinite(LearningRate), $"learning rate {LearningRate} (at least 0)");
        faults.Unless(WeightDecay >= 0 && double.IsFinite(WeightDecay), $"weight decay {WeightDecay} (at least 0)");
        faults.Unless(MinCropArea is > 0 and <= 1, $"smallest crop {MinCropArea} (in (0, 1])");
    }
}
