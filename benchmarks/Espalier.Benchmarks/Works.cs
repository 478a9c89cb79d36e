using Espalier.Finetuning;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Torch;
using Espalier.Torch.Optim;
using Espalier.Training;

namespace Espalier.Benchmarks;

/// <summary>Something that can be done again and again; <c>peer/works.py</c> has the same works.</summary>
internal interface IWork : IDisposable
{
    /// <summary>Does it so many times.</summary>
    void Do(int steps);
}

/// <summary>Makes works.</summary>
internal static class Works
{
    /// <param name="work">What, how and on how many images.</param>
    /// <param name="images">A folder of images, for what loads some.</param>
    public static IWork Make(Workload work, string? images) => work.Mode switch
    {
        "load" or "load-cached" => new Loading(work, images ?? throw new ArgumentException("This work needs a folder of images.")),
        "mimic" or "middle" or "local" => new Mimicking(work, [4]),
        "rank" => new Mimicking(work, [.. Enumerable.Range(1, 10)]),
        _ => new NetworkSteps(work, Entry),
    };

    /// <summary>ViT-Ti.</summary>
    public static VitEntry Entry => VitRegistry.Find("vit_tiny_patch16_224")!;

    /// <summary>A ViT-Ti with random weights.</summary>
    public static VitModel Network() => VitInit.Random(Entry.Architecture, Entry.Preprocessing, seed: 0);
}

/// <summary>Forward, forward and backward, or a whole training step of a network.</summary>
internal sealed class NetworkSteps : IWork
{
    private readonly Workload _work;
    private readonly VitModel _model;
    private readonly AdamW _optimizer;
    private readonly Tensor _pixels, _labels;

    public NetworkSteps(Workload work, VitEntry network)
    {
        (_work, _model) = (work, VitInit.Random(network.Architecture, network.Preprocessing, seed: 0));
        Tensor[] parameters = [.. _model.Weights.Values];
        foreach (var parameter in parameters) parameter.RequiresGrad = true;
        _optimizer = new AdamW(parameters, learningRate: 1e-6, new AdamOptions { WeightDecay = 0.05 });
        (_pixels, _labels) = (Tensor.RandN([work.Batch, 3, 224, 224]), Tensor.Arange(work.Batch));
    }

    public void Do(int steps)
    {
        for (var k = 0; k < steps; k++) Step();
    }

    private void Step()
    {
        using var scope = new TensorScope();
        if (_work.Mode == "forward")
        {
            using var noGrad = new NoGrad();
            using (new Autocast(_work.IsBf16)) _model.Logits(_pixels);
            return;
        }
        Tensor loss;
        using (new Autocast(_work.IsBf16)) loss = Functional.CrossEntropy(_model.Logits(_pixels).To(DType.Float32), _labels);
        loss.Backward();
        if (_work.Mode == "step") _optimizer.Step();
        else
            foreach (var parameter in _model.Weights.Values) parameter.Grad = null;
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        _model.Dispose();
        _pixels.Dispose();
        _labels.Dispose();
    }
}

/// <summary>
/// A finetuning step of DC-ViT in every one of some candidates, by the product's own tasks and loop: features at the end (<c>mimic</c>), after the last
/// block that moves (<c>middle</c>), or trained where they were cut, with two blocks before (<c>local</c>) or none (<c>rank</c>).
/// </summary>
internal sealed class Mimicking : IWork
{
    private const int Hidden = 287; // ViT-Ti, 75.7 % of the MACs, four blocks

    private readonly Workload _work;
    private readonly VitModel _teacher = Works.Network();
    private readonly List<(VitModel Student, ITrainingTask Task)> _candidates;
    private readonly OneBatch _batch;

    public Mimicking(Workload work, int[] blocks)
    {
        (_work, _batch) = (work, new OneBatch(work.Batch));
        _candidates = [.. blocks.Select(Candidate)];
    }

    public void Do(int steps)
    {
        foreach (var (_, task) in _candidates)
        {
            using var loop = new TrainingLoop(task, _batch, new TrainingOptions
            {
                Steps = steps, LearningRate = new LearningRate { Peak = 3e-5 }, Adam = new AdamOptions { WeightDecay = 1e-4 }, Bf16 = _work.IsBf16,
            });
            loop.Run();
            loop.Finish();
        }
    }

    private (VitModel, ITrainingTask) Candidate(int block)
    {
        using var attentionless = _teacher.RemoveAttention(block);
        var student = attentionless.KeepHidden(block, [.. Enumerable.Range(0, Hidden)]);
        return (student, _work.Mode switch
        {
            "local" or "rank" => new LocalRecovery(lastUpdatable: null, batchStatistics: false) { Before = _work.Mode == "local" ? 2 : 0 }.Task(_teacher, student, [block]),
            "middle" => Mimic(FeaturePoint.MiddleBlock),
            _ => Mimic(FeaturePoint.PreGap),
        });

        FeatureMimic Mimic(FeaturePoint point)
        {
            var last = UpdateRanges.LastBlock([block], student.Architecture.Depth);
            var middle = point == FeaturePoint.MiddleBlock;
            return new FeatureMimic(_teacher, student, point, last,
                UpdateRanges.Names(student, UpdateRange.Before, [block], last, trainNorm: !middle, reach: middle ? last : student.Architecture.Depth - 1));
        }
    }

    public void Dispose()
    {
        foreach (var (student, _) in _candidates) student.Dispose();
        _teacher.Dispose();
        _batch.Dispose();
    }
}

/// <summary>Batches of augmented images from files: decoded each time, or kept once they are decoded.</summary>
internal sealed class Loading(Workload work, string folder) : IWork
{
    private readonly ImageBatches _batches = new(ImageDataset.Open(folder), new TrainTransform(Works.Entry.Preprocessing, new TrainTransformOptions { Crop = new RandomResizedCrop() }),
        new LoaderOptions { BatchSize = work.Batch, Threads = work.Threads, CacheBytes = work.Mode == "load" ? 0 : 1L << 30 });

    public void Do(int steps)
    {
        for (var k = 0; k < steps; k++)
        {
            using var scope = new TensorScope();
            _batches.Next();
        }
    }

    public void Dispose() => _batches.Dispose();
}
