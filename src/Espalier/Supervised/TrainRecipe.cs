using System.Text.Json.Serialization;
using Espalier.Compute;
using Espalier.Models.Data;
using Espalier.Torch.Optim;
using Espalier.Training;

namespace Espalier.Supervised;

/// <summary>A recipe of supervised training. The defaults suit a small ViT on tens of thousands of images.</summary>
public sealed record TrainRecipe
{
    /// <summary>For good weights: a smaller step, and no need for a long warm-up.</summary>
    public static TrainRecipe Finetuning { get; } = new() { LearningRate = 1e-4, WarmUpEpochs = 0.5, BatchSize = 64 };

    /// <summary>Images per step.</summary>
    public int BatchSize { get; init; } = 128;

    public OptimizerKind Optimizer { get; init; } = OptimizerKind.AdamW;

    /// <summary>Highest learning rate.</summary>
    public double LearningRate { get; init; } = 1e-3;

    public double WeightDecay { get; init; } = 0.05;

    /// <summary>Epochs of linear warm-up.</summary>
    public double WarmUpEpochs { get; init; } = 2;

    public double LabelSmoothing { get; init; } = 0.1;

    /// <summary>Beta parameter of mixup; 0 is off.</summary>
    public double MixUp { get; init; }

    /// <summary>Beta parameter of CutMix; 0 is off.</summary>
    public double CutMix { get; init; }

    /// <summary>Probability of random erasing.</summary>
    public double RandomErasing { get; init; }

    /// <summary>Stochastic depth of the last block.</summary>
    public double DropPath { get; init; }

    /// <summary>Decay of the weight average; 0 keeps none.</summary>
    public double Ema { get; init; }

    /// <summary>
    /// Factor on the learning rate from each block to the one before it, the head and final norm having 1, patches and tokens the least; then
    /// weight decay is for matrices alone. Null: one rate for all.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? LayerDecay { get; init; }

    /// <summary>Largest gradient norm; 0 does not clip.</summary>
    public double ClipNorm { get; init; } = 1;

    /// <summary>Lists every value out of its range.</summary>
    /// <exception cref="UsageException">At least one is.</exception>
    public void Validate()
    {
        var faults = new FaultList();
        faults.Unless(BatchSize >= 1, $"batch size {BatchSize} (at least 1)");
        faults.Unless(LearningRate > 0, $"learning rate {LearningRate} (above 0)");
        faults.Unless(WeightDecay >= 0, $"weight decay {WeightDecay} (at least 0)");
        faults.Unless(WarmUpEpochs >= 0, $"{WarmUpEpochs} epochs of warm-up (at least 0)");
        faults.Unless(LabelSmoothing is >= 0 and < 1, $"label smoothing {LabelSmoothing} (in [0, 1))");
        faults.Unless(MixUp is >= 0 and <= 1, $"mixup {MixUp} (in [0, 1])");
        faults.Unless(CutMix is >= 0 and <= 1, $"cutmix {CutMix} (in [0, 1])");
        faults.Unless(RandomErasing is >= 0 and <= 1, $"random erasing {RandomErasing} (in [0, 1])");
        faults.Unless(DropPath is >= 0 and < 1, $"drop-path {DropPath} (in [0, 1))");
        faults.Unless(Ema is >= 0 and < 1, $"EMA decay {Ema} (in [0, 1))");
        faults.Unless(LayerDecay is null or (> 0 and <= 1), $"layer decay {LayerDecay} (in (0, 1])");
        faults.Unless(ClipNorm >= 0, $"clip norm {ClipNorm} (at least 0)");
        faults.Throw("Training recipe");
    }

    /// <summary>Padded crops for small images, random resized crops with RandAugment for others; random erasing for both.</summary>
    public IImageTransform Transform(Preprocessing preprocessing)
    {
        var erasing = RandomErasing > 0 ? new RandomErasing { Probability = RandomErasing } : null;
        return preprocessing.ShowsSmallImages
            ? new PaddedCropTransform(preprocessing, Math.Max(1, preprocessing.Size / 14), erasing: erasing)
            : new TrainTransform(preprocessing, new TrainTransformOptions { Erasing = erasing });
    }

    /// <summary>How the images of a batch are mixed, and their labels smoothed.</summary>
    internal MixUp Mixing() => new() { MixUpAlpha = MixUp, CutMixAlpha = CutMix, LabelSmoothing = LabelSmoothing };

    /// <summary>The loop's options for so many steps.</summary>
    public TrainingOptions Options(long steps, int batchesPerEpoch, ComputeOptions compute) => new()
    {
        Steps = steps,
        LearningRate = new LearningRate
        {
            Peak = LearningRate,
            Floor = 0.001,
            WarmUp = WarmUpEpochs > 0 ? WarmUp.LearningRate : WarmUp.None,
            WarmUpShare = Math.Min(0.5, WarmUpEpochs * batchesPerEpoch / Math.Max(1, steps)),
        },
        Optimizer = Optimizer,
        Adam = new AdamOptions { WeightDecay = WeightDecay },
        ClipNorm = ClipNorm > 0 ? ClipNorm : null,
        EmaDecay = Ema > 0 ? Ema : null,
        Bf16 = compute.TrainsInBf16,
        Device = compute.Device,
        Group = compute.Group,
        ReadLossEvery = compute.ReadLossEvery,
    };
}
