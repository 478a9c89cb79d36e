using Espalier.Compute;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Torch.Optim;
using Espalier.Training;

namespace Espalier.Finetuning;

/// <summary>One finetune: the student mimics the teacher's features on the few-shot images (§5.2-5.5), unless told otherwise.</summary>
public sealed class Finetuner(Model teacher, ImageDataset images, FinetuneOptions options, ComputeOptions compute, ulong seed, TimeProvider time)
{
    /// <summary>What is trained instead, for a candidate that is only to be scored; null finetunes.</summary>
    public ICandidateRecovery? Recovery { get; init; }

    /// <summary>Images per step: the batch size, or all images when there are fewer.</summary>
    public int ImagesPerStep => Math.Min(options.BatchSize, images.Count);

    /// <summary>Trains the student in place.</summary>
    /// <param name="student">The compressed network.</param>
    /// <param name="compressed">All blocks compressed so far.</param>
    /// <param name="steps">Optimizer steps; the schedule keeps its shape over any number.</param>
    /// <param name="stream">Names this finetune, for its own order of images and augmentations.</param>
    /// <param name="hooks">What is told and asked on the way.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <returns>Steps taken: fewer than asked for when the hooks ended it early.</returns>
    public long Run(Model student, IReadOnlyCollection<int> compressed, long steps, string stream, LoopHooks hooks,
        CancellationToken cancellation)
    {
        using var batches = Batches(stream);
        var task = Task(student, compressed);
        using var owned = task as IDisposable;
        return hooks.Train(task, batches, LoopOptions(steps, batches.BatchesPerEpoch), cancellation);
    }

    /// <summary>Seconds of one step, measured on a throw-away copy of the student.</summary>
    public double Measure(Model student, IReadOnlyCollection<int> compressed)
    {
        using var copy = student.Clone();
        using var batches = Batches("measure");
        var task = Task(copy, compressed);
        using var owned = task as IDisposable;
        return StepTimer.Measure(hooks => new TrainingLoop(task, batches,
            LoopOptions(StepTimer.Steps, batches.BatchesPerEpoch) with { ReadLossEvery = 1 }) { OnStep = hooks.OnStep, StopEarly = hooks.StopEarly }, time);
    }

    private ITrainingTask Task(Model student, IReadOnlyCollection<int> compressed)
    {
        if (Recovery is not null) return Recovery.Task(teacher, student, compressed);
        var depth = student.Architecture.Depth;
        var last = UpdateRanges.LastBlock(compressed, depth, options.LastUpdatable);
        var middle = options is { Feature: FeaturePoint.MiddleBlock, Loss: FinetuneLoss.Mimic };
        var names = UpdateRanges.Names(student, options.Update ?? UpdateRange.Before, compressed, last, options.TrainFinalNorm && !middle,
            reach: middle ? last : depth);
        return options.Loss == FinetuneLoss.Mimic
            ? new FeatureMimic(teacher, student, options.Feature, last, names) { BatchStatistics = options.BatchStatistics }
            : new AnswerLoss(teacher, student, options.Loss, names) { BatchStatistics = options.BatchStatistics };
    }

    private ImageBatches Batches(string stream)
    {
        var transform = Transform();
        var loader = new LoaderOptions
        {
            BatchSize = options.BatchSize,
            Seed = new SeededRandom(seed, "finetune", stream).NextUInt64(),
            Prefetch = 3,
            Share = compute.Share,
        };
        return new ImageBatches(images, transform, loader, compute.Device);
    }

    private IImageTransform Transform()
    {
        var preprocessing = teacher.Preprocessing;
        if (options.ImageNetNormalization && preprocessing.Mean.Length == 3)
            preprocessing = preprocessing with { Mean = Preprocessing.ImageNetMean, Std = Preprocessing.ImageNetStd };
        return new TrainTransform(preprocessing, new TrainTransformOptions
        {
            Crop = new RandomResizedCrop { MinScale = options.MinCropArea },
            RandAugment = options.RandAugment ? new RandAugment() : null,
        });
    }

    private TrainingOptions LoopOptions(long steps, int batchesPerEpoch) => new()
    {
        Steps = steps,
        LearningRate = new LearningRate
        {
            Peak = options.LearningRate,
            WarmUp = options.WarmUp,
            Period = options.EpochSchedule ? batchesPerEpoch : 1,
        },
        Adam = new AdamOptions { WeightDecay = options.WeightDecay },
        ClipNorm = options.ClipNorm,
        Bf16 = compute.TrainsInBf16,
        Device = compute.Device,
        Group = compute.Group,
        ReadLossEvery = compute.ReadLossEvery,
    };
}
