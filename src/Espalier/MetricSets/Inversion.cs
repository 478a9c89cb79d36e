using System.Globalization;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Torch;
using Espalier.Torch.Optim;
using Espalier.Training;

namespace Espalier.MetricSets;

/// <summary>
/// Synthesises images by inverting the teacher (§3): pixels start as N(0, 1) noise and are optimised until the teacher sees one given
/// class in each. The ordinary training loop runs it; the parameters are the pixels.
/// </summary>
public sealed class Inversion : ITrainingTask, IBatchSource
{
    private readonly Model _teacher;
    private readonly SynthesisOptions _options;
    private readonly Tensor _images;
    private readonly Tensor _best;
    private readonly Tensor _targets;
    private readonly Tensor _low;
    private readonly Tensor _high;
    private double _bestLoss = 1e4;

    private Inversion(Model teacher, SynthesisOptions options)
    {
        (_teacher, _options) = (teacher, options);
        var a = teacher.Architecture;
        if (a.Classes == 0)
            throw new InputException($"{a.Name} has no head, so that no images can be synthesised from its classes; give images, or finetune a head first.");
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        using var generator = new Generator(new SeededRandom(options.Seed, "inversion noise").NextUInt64());
        _images = TensorScope.Release(Tensor.RandN([options.Images, a.Channels, a.ImageSize, a.ImageSize], generator).To(teacher.Device));
        _best = TensorScope.Release(_images.Clone());
        _targets = TensorScope.Release(Tensor.From<long>(Targets(options, a.Classes)).To(teacher.Device));
        (_low, _high) = (Bound(teacher.Preprocessing, 0), Bound(teacher.Preprocessing, 1));
    }

    public IReadOnlyList<Tensor> Parameters => [_images];

    // Iterations of the first pass, at half resolution.
    private long Pooled => _options.HalfResolutionFirst ? _options.Steps / 2 : 0;

    IReadOnlyList<Tensor> ITrainingTask.Buffers => [_best];

    int IBatchSource.BatchesPerEpoch => 1;

    /// <summary>Makes the set: images in normalised pixel space [n, C, S, S], fp32, and their classes [n].</summary>
    /// <param name="teacher">Frozen; only read.</param>
    /// <param name="options">How.</param>
    /// <param name="hooks">What is told and asked on the way; stopped early, the best images so far are kept.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    public static (Tensor Images, Tensor Targets) Run(Model teacher, SynthesisOptions options, LoopHooks? hooks = null,
        CancellationToken cancellation = default)
    {
        using var inversion = new Inversion(teacher, options);
        (hooks ?? new()).Train(inversion, inversion, inversion.LoopOptions(), cancellation);
        return (inversion._best.Alias(), inversion._targets.Alias());
    }

    /// <summary>Seconds of one iteration, measured on a few that are thrown away.</summary>
    public static double Measure(Model teacher, SynthesisOptions options, TimeProvider time)
    {
        using var inversion = new Inversion(teacher, options with { Steps = StepTimer.Steps });
        return StepTimer.Measure(hooks => new TrainingLoop(inversion, inversion, inversion.LoopOptions()) { OnStep = hooks.OnStep, StopEarly = hooks.StopEarly }, time);
    }

    /// <summary>Distinct classes drawn without replacement and sorted, one per image; the list is cycled when images outnumber classes.</summary>
    public static long[] Targets(SynthesisOptions options, int classes)
    {
        var drawn = new SeededRandom(options.Seed, "inversion classes").Choose(classes, Math.Min(options.Images, classes));
        Array.Sort(drawn);
        return [.. Enumerable.Range(0, options.Images).Select(i => (long)drawn[i % drawn.Length])];
    }

    Tensor ITrainingTask.Loss(TensorBatch batch, long step)
    {
        var x = Augment(step < Pooled ? Halved(_images) : _images, step);
        var (logits, statistics) = _teacher.LogitsWithStatistics(x);
        var loss = Functional.CrossEntropy(logits.To(DType.Float32), _targets);
        if (statistics is not null && _options.Statistics != 0) loss += statistics * _options.Statistics;
        if (_options.Tv2 != 0) loss += InversionLoss.TotalVariation2(x, _options.Beta) * _options.Tv2;
        if (_options.Tv1 != 0) loss += InversionLoss.TotalVariation1(x) * _options.Tv1;
        return _options.L2 == 0 ? loss : loss + InversionLoss.L2(x) * _options.L2;
    }

    void ITrainingTask.AfterStep(long step, double? loss)
    {
        _images.CopyFrom(_images.Clamp(_low, _high));
        // The loss is that of the images before the step, the images kept are those after it, as in the published code.
        if (loss is not { } value || (value >= _bestLoss && step > 1 && step != Pooled + 1)) return;
        _bestLoss = value;
        _best.CopyFrom(_images);
    }

    // The second pass has moments of its own.
    StateCarry? ITrainingTask.Reshape(long step) => step == Pooled ? new StateCarry((_, _) => null) : null;

    string ITrainingTask.Snapshot() => _bestLoss.ToString("R", CultureInfo.InvariantCulture);

    void ITrainingTask.Restore(string snapshot) => _bestLoss = double.Parse(snapshot, CultureInfo.InvariantCulture);

    TensorBatch IBatchSource.Next() => new(_images, _targets);

    void IBatchSource.Seek(long batch)
    {
    }

    public void Dispose()
    {
        foreach (var tensor in new[] { _images, _best, _targets, _low, _high }) tensor.Dispose();
    }

    // Rate: 0.25·(i+1)/100 for the first 100 of 2000 iterations, then a cosine to 0; anew in each pass.
    private TrainingOptions LoopOptions() => new()
    {
        Steps = _options.Steps,
        LearningRate = new LearningRate { Peak = _options.LearningRate, WarmUp = WarmUp.LearningRate, WarmUpShare = 0.05, Passes = Pooled > 0 ? 2 : 1 },
        Optimizer = OptimizerKind.Adam,
        Adam = new AdamOptions { Beta1 = 0.5, Beta2 = 0.9 },
        Bf16 = _options.Bf16,
        Device = _teacher.Device,
    };

    // Means of 2×2 pixels.
    private static Tensor Halved(Tensor x) => x.Reshape(x.Size(0), x.Size(1), x.Size(2) / 2, 2, x.Size(3) / 2, 2).Mean([3, 5]);

    private Tensor Augment(Tensor x, long step)
    {
        var random = new SeededRandom(_options.Seed, "inversion jitter", step);
        var limit = (int)Math.Round(_options.Jitter * x.Size(3));
        var (dx, dy) = (random.NextInt(-limit, limit), random.NextInt(-limit, limit));
        x = x.Roll([dy, dx], [2, 3]);
        return _options.Flip && random.NextBool() ? x.Flip(3) : x;
    }

    // The value of black (0) or white (1) in normalised space, [1, C, 1, 1].
    private Tensor Bound(Preprocessing preprocessing, double level)
    {
        var values = preprocessing.Mean.Zip(preprocessing.Std, (mean, std) => (float)((level - mean) / std)).ToArray();
        return TensorScope.Release(Tensor.From<float>(values, 1, values.Length, 1, 1).To(_teacher.Device));
    }
}
