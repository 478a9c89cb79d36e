using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Runs;

namespace Espalier.Training;

/// <summary>Supervised training, as resumable steps of a run: train, then finish.</summary>
public sealed class SupervisedMethod(SupervisedRequest request, TimeProvider time)
{
    internal static readonly JsonSerializerOptions RecipeJson = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };
    private const string TrainStep = "train";
    private const string FinishStep = "finish";
    private const string ResultFile = "trained.safetensors", RecordFile = "finished.json";
    private readonly LossCurveFile _curve = new();
    private readonly List<string> _notes = [];
    private TrainingClock? _clock;

    /// <summary>What is asked.</summary>
    public SupervisedRequest Request { get; } = request.Checked();

    /// <summary>Trains and leaves a model folder in the run folder.</summary>
    public SupervisedResult Run(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        request.Compute.Apply();
        _clock = new TrainingClock(request.Effort, folder, request.Compute.Group, time);
        new Run(folder,
        [
            new RunStep(TrainStep, Train) { Together = true },
            new RunStep(FinishStep, Finish) { Together = true },
        ], time).Execute(progress, cancellation);
        return Result(folder);
    }

    private void Train(StepContext context)
    {
        using var model = Start();
        var (train, _) = Split();
        var skipped = new SkippedImages(context.Folder, context.Progress);
        using var batches = Batches(model, train, skipped.Add);
        var steps = StepCount(context, train);
        var curve = new LossCurve(steps);
        var meter = new ProgressMeter(context.Progress, time, "training", steps, "images", request.Recipe.BatchSize);
        using var loop = new TrainingLoop(Task(model), batches, Options(steps, batches))
        {
            OnStep = report => meter.Report(report.Step, report.Loss),
            StopEarly = _clock!.IsOver,
            Checkpoint = context.Checkpoint(time),
            Curve = curve,
        };
        loop.Run(context.Cancellation);
        loop.Finish();
        _curve.Write(context.Folder, curve);
        new TrainedRecord(loop.Step, steps).Write(context.Folder);
        ModelFile.Write(Path.Combine(context.Folder, ResultFile), model);
    }

    private void Finish(StepContext context)
    {
        using var model = Start();
        var trained = context.Run.StepFolder(TrainStep);
        using (var weights = ModelFile.ReadFile(Path.Combine(trained, ResultFile), model.Architecture)) model.Weights.CopyFrom(weights);
        var (_, heldOut) = Split();
        var evaluator = Evaluator.For(model, request.Compute, time);
        var top1 = heldOut is null ? null : evaluator.Score(model, heldOut, context.Cancellation);
        var eval = request.Eval is null ? null : evaluator.Score(model, request.Eval, context.Cancellation);
        StepFile.Write(context.Folder, RecordFile, new FinishRecord(eval?.Top1, eval?.Top5, top1?.Top1, [.. _notes]));
        ModelFolder.Write(context.Run.ResultFolder, model, Provenance(TrainedRecord.Read(trained).Steps), request.Data.ClassNames);
    }

    // From what the steps left: the last sitting may find all of them done.
    private SupervisedResult Result(RunFolder folder)
    {
        var finished = StepFile.Read<FinishRecord>(folder.StepFolder(FinishStep), RecordFile)
            ?? throw new UsageException($"'{folder.Path}' is finished already; there is nothing to resume.");
        var (losses, (steps, planned)) = (_curve.Read(folder.StepFolder(TrainStep)), TrainedRecord.Read(folder.StepFolder(TrainStep)));
        return new SupervisedResult(steps, (double)steps * request.Recipe.BatchSize / Split().Train.Count, losses.Count > 0 ? losses[^1].Loss : double.NaN)
        {
            Top1 = finished.Top1,
            Top5 = finished.Top5,
            HoldOutTop1 = finished.HoldOutTop1,
            SkippedImages = SkippedImages.Count(folder.StepFolder(TrainStep)),
            StoppedEarly = steps < planned,
            Losses = losses,
            Notes = finished.Notes,
        };
    }

    private Model Start()
    {
        var architecture = request.Model.Architecture;
        if (request.FromScratch)
        {
            var fresh = (architecture with { Classes = request.Data.ClassCount }).Random(request.Model.Preprocessing, request.Seed);
            if (request.Compute.Device == "cpu") return fresh;
            using (fresh) return fresh.To(request.Compute.Device);
        }
        var model = request.Model.Load(request.Compute.Device, request.Seed);
        if (architecture.Classes == request.Data.ClassCount) return model;
        var note = $"The data has {request.Data.ClassCount} classes, the model {architecture.Classes}: its head was replaced by a fresh one.";
        if (!_notes.Contains(note)) _notes.Add(note);
        using (model) return model.ReplaceHead(request.Data.ClassCount, request.Seed);
    }

    private SupervisedTask Task(Model model) => new(model, new MixUp
    {
        MixUpAlpha = request.Recipe.MixUp,
        CutMixAlpha = request.Recipe.CutMix,
        LabelSmoothing = request.Recipe.LabelSmoothing,
    }, request.Recipe.DropPath, request.Seed) { LayerDecay = request.Recipe.LayerDecay };

    private ImageBatches Batches(Model model, ImageDataset train, Action<ImageItem, string>? onSkipped = null) => new(train, request.Recipe.Transform(model.Preprocessing),
        new LoaderOptions { BatchSize = request.Recipe.BatchSize, Seed = request.Seed, Prefetch = 4, SkipUnreadable = !request.Strict, Share = request.Compute.Share },
        request.Compute.Device)
        { OnSkipped = onSkipped };

    private TrainingOptions Options(long steps, ImageBatches batches) =>
        request.Recipe.Options(steps, batches.BatchesPerEpoch, request.Compute);

    private (ImageDataset Train, ImageDataset? HeldOut) Split() => HeldOut.Split(request.Data, request.HoldOut, request.Seed);

    private long StepCount(StepContext context, ImageDataset train)
    {
        var perEpoch = (train.Count + request.Recipe.BatchSize - 1) / request.Recipe.BatchSize;
        return _clock!.Steps(context.Folder, perEpoch, () =>
        {
            using var probe = Start();
            using var batches = Batches(probe, train);
            return StepTimer.Measure(
                onStep => new TrainingLoop(Task(probe), batches, Options(StepTimer.Steps, batches) with { ReadLossEvery = 1 }) { OnStep = onStep }, time);
        }, () =>
        {
            using var probe = Start();
            var evaluator = Evaluator.For(probe, request.Compute, time);
            return (0, new[] { Split().HeldOut, request.Eval }.Sum(images => TrainingClock.Measure(evaluator, probe, images, context.Cancellation)));
        });
    }

    private JsonObject Provenance(long steps) => new()
    {
        ["method"] = request.FromScratch ? "train" : "finetune",
        ["seed"] = request.Seed,
        ["data"] = request.Data.Name,
        ["images"] = request.Data.Count - request.HoldOut,
        ["steps"] = steps,
        ["source"] = request.FromScratch ? null : request.Model.SourceHash,
        ["recipe"] = JsonSerializer.SerializeToNode(request.Recipe, RecipeJson),
    };

    private sealed record FinishRecord(double? Top1, double? Top5, double? HoldOutTop1, string[] Notes);
}
