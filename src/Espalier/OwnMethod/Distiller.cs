using Espalier.Compute;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Torch.Optim;
using Espalier.Training;

namespace Espalier.OwnMethod;

/// <summary>The finetune of a repaired network.</summary>
public sealed class Distiller(Model teacher, ImageDataset images, DistillationOptions options, ComputeOptions compute, ulong seed, TimeProvider time)
{
    private const double WarmUpShare = 0.05;

    /// <summary>Images per step: the batch size, or all images when there are fewer.</summary>
    public int ImagesPerStep => Math.Min(options.BatchSize, images.Count);

    /// <summary>Trains the student in place.</summary>
    /// <returns>Steps taken: fewer than asked for when the hooks ended it early.</returns>
    public long Run(Model student, long steps, LoopHooks hooks, CancellationToken cancellation)
    {
        using var batches = Batches();
        using var task = new Distillation(teacher, student, options, images, seed);
        return hooks.Train(task, batches, LoopOptions(steps), cancellation);
    }

    /// <summary>Seconds of one step, measured on a throw-away copy of the student.</summary>
    public double Measure(Model student)
    {
        using var copy = student.Clone();
        using var batches = Batches();
        using var task = new Distillation(teacher, copy, options, images, seed);
        return StepTimer.Measure(hooks => new TrainingLoop(task, batches, LoopOptions(StepTimer.Steps) with { ReadLossEvery = 1 }) { OnStep = hooks.OnStep, StopEarly = hooks.StopEarly }, time);
    }

    private ImageBatches Batches() => new(images,
        new TrainTransform(teacher.Preprocessing, new TrainTransformOptions { Crop = new RandomResizedCrop { MinScale = options.MinCropArea }, RandAugment = null }),
        new LoaderOptions { BatchSize = options.BatchSize, Seed = new SeededRandom(seed, "distillation").NextUInt64(), Prefetch = 3, Share = compute.Share }, compute.Device);

    private TrainingOptions LoopOptions(long steps) => new()
    {
        Steps = steps,
        LearningRate = new LearningRate { Peak = options.LearningRate, WarmUp = WarmUp.LearningRate, WarmUpShare = WarmUpShare },
        Optimizer = options.Optimizer,
        Adam = new AdamOptions { WeightDecay = options.WeightDecay },
        EmaDecay = options.Ema > 0 ? options.Ema : null,
        Bf16 = compute.TrainsInBf16,
        Device = compute.Device,
        Group = compute.Group,
        ReadLossEvery = compute.ReadLossEvery,
    };
}
