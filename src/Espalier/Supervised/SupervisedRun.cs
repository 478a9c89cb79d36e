using System.Text.Json.Nodes;
using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Runs;
using Espalier.Training;

namespace Espalier.Supervised;

/// <summary>What a <see cref="SupervisedRun"/> trains, in memory for as long as it is at it.</summary>
/// <param name="Held">Disposed of at the end.</param>
/// <param name="Task">What the loop learns.</param>
/// <param name="Options">How.</param>
internal sealed record Trainee(IDisposable Held, ITrainingTask Task, TrainingOptions Options) : IDisposable
{
    /// <summary>Writes what was learned into the folder of the step.</summary>
    public required Action<string> Save { get; init; }

    /// <summary>How things stand; null where there is nothing to say.</summary>
    public Func<string?> Status { get; init; } = () => null;

    /// <summary>Whether it is of use to anyone as it is, should time run out.</summary>
    public Func<bool> MayEnd { get; init; } = () => true;

    public void Dispose() => Held.Dispose();
}

/// <summary>
/// Learning from labelled images, as resumable steps of a run: train, then finish. What is learned and what is left in the end is its user's; the images
/// and their batches, the number of steps, the clock and what is known of the training afterwards are the same for all.
/// </summary>
internal sealed class SupervisedRun(TrainingRequest request, TrainRecipe recipe, TimeProvider time)
{
    private const string FinishStep = "finish", RecordFile = "finished.json";
    // A throw-away training takes few steps of a schedule whose end is far.
    private const long Far = 1_000_000;
    private readonly LossCurveFile _curve = new();
    private TrainingClock? _clock;

    /// <summary>Name of the step that trains.</summary>
    public required string StepName { get; init; }

    /// <summary>What is going on meanwhile, in words.</summary>
    public required string Activity { get; init; }

    /// <summary>Batches of an optimizer step.</summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>Makes what is trained, for so many steps and so many batches in an epoch; without a step to be told about, it is to be timed and thrown away.</summary>
    public required Func<long, int, StepContext?, Trainee> Begin { get; init; }

    /// <summary>What comes after the training: given the folder of the step that trained, and the steps it took.</summary>
    public required Action<StepContext, string, long> Finish { get; init; }

    /// <summary>Seconds that measuring takes: while the training lasts, and after it.</summary>
    public required Func<CancellationToken, (double During, double After)> Measuring { get; init; }

    /// <summary>
    /// Where the training goes at another pace after a first part of its steps: that part's share of them, and what is trained after it, to be timed and thrown away.
    /// </summary>
    public (double FirstSteps, Func<long, int, Trainee> Begin)? Later { get; init; }

    /// <summary>Whether the first part has taken so many times what it should; the first process decides.</summary>
    public bool IsFirstOver(double times) => _clock!.IsFirstOver(times);

    /// <summary>Does, or goes on with, both steps.</summary>
    public void Execute(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        request.Compute.Apply();
        _clock = new TrainingClock(request.Effort, folder, request.Compute.Group, time);
        new Run(folder,
        [
            new RunStep(StepName, Train) { Together = true },
            new RunStep(FinishStep, End) { Together = true },
        ], time).Execute(progress, cancellation);
    }

    /// <summary>Where the step that trains leaves its files.</summary>
    public string Trained(RunFolder folder) => folder.StepFolder(StepName);

    /// <summary>Steps taken and planned, the losses, and how many images were left out: from the files, as the last sitting may find all done.</summary>
    public (TrainedRecord Record, IReadOnlyList<(long Step, double Loss)> Losses, int Skipped) Outcome(RunFolder folder) =>
        (TrainedRecord.Read(Trained(folder)), _curve.Read(Trained(folder)), SkippedImages.Count(Trained(folder)));

    /// <summary>Leaves what the finish found out.</summary>
    public static void Write<T>(StepContext context, T finished) => StepFile.Write(context.Folder, RecordFile, finished);

    /// <summary>What <see cref="Write"/> left.</summary>
    /// <exception cref="UsageException">The run is over and its steps are cleared away.</exception>
    public static T Read<T>(RunFolder folder) where T : class => StepFile.Read<T>(folder.StepFolder(FinishStep), RecordFile)
        ?? throw new UsageException($"'{folder.Path}' is finished already; there is nothing to resume.");

    /// <summary>Accuracies on the images to evaluate on, where there are any.</summary>
    public EvaluationResult? Score(Model model, CancellationToken cancellation) =>
        request.Eval is null ? null : Evaluator(model).Score(model, request.Eval, cancellation);

    public Evaluator Evaluator(Model model) => Evaluation.Evaluator.For(model, request.Compute, time);

    /// <summary>Seconds to measure a network on the images to evaluate on, and on those kept aside.</summary>
    public (double Eval, double Aside) Measure(Model model, CancellationToken cancellation)
    {
        var evaluator = Evaluator(model);
        return (TrainingClock.Measure(evaluator, model, request.Eval, cancellation),
            TrainingClock.Measure(evaluator, model, request.Split().Aside, cancellation));
    }

    /// <summary>Where the result comes from.</summary>
    public JsonObject Provenance(string method, string? source, long steps) => new()
    {
        ["method"] = method,
        ["seed"] = request.Seed,
        ["data"] = request.Data.Name,
        ["images"] = request.Data.Count - request.HoldOut,
        ["steps"] = steps,
        ["source"] = source,
    };

    private void Train(StepContext context)
    {
        var (train, _) = request.Split();
        var steps = StepCount(context, train);
        var skipped = new SkippedImages(context.Folder, context.Progress);
        using var batches = Batches(train, skipped.Add);
        using var trainee = Begin(steps, batches.BatchesPerEpoch, context);
        var curve = new LossCurve(steps);
        var meter = new ProgressMeter(context.Progress, time, Activity, steps, "images", recipe.BatchSize * Accumulate);
        using var loop = new TrainingLoop(trainee.Task, batches, trainee.Options)
        {
            OnStep = report => meter.Report(report.Step, report.Loss, status: trainee.Status()),
            StopEarly = _clock!.IsOver is { } isOver ? () => trainee.MayEnd() && isOver() : null,
            Checkpoint = context.Checkpoint(time),
            Curve = curve,
        };
        loop.Run(context.Cancellation);
        loop.Finish();
        skipped.Gather(request.Compute.Group);
        _curve.Write(context.Folder, curve);
        new TrainedRecord(loop.Step, steps).Write(context.Folder);
        trainee.Save(context.Folder);
    }

    private void End(StepContext context)
    {
        var trained = Trained(context.Run);
        Finish(context, trained, TrainedRecord.Read(trained).Steps);
    }

    private ImageBatches Batches(ImageDataset train, Action<ImageItem, string>? onSkipped = null) => new(train, recipe.Transform(request.Model.Preprocessing),
        new LoaderOptions { BatchSize = recipe.BatchSize, Seed = request.Seed, Prefetch = 4, SkipUnreadable = !request.Strict, Share = request.Compute.Share },
        request.Compute.Device)
        { OnSkipped = onSkipped };

    private long StepCount(StepContext context, ImageDataset train) => _clock!.Steps(context.Folder,
        (double)((train.Count + recipe.BatchSize - 1) / recipe.BatchSize) / Accumulate, Pace, () => Measuring(context.Cancellation));

    private TrainingPace Pace()
    {
        var first = SecondsPerStep((steps, batches) => Begin(steps, batches, null));
        if (Later is not { } later) return new(first, 0);
        var (searching, rest) = (later.FirstSteps * first, (1 - later.FirstSteps) * SecondsPerStep(later.Begin));
        return new(searching + rest, searching / (searching + rest));
    }

    private double SecondsPerStep(Func<long, int, Trainee> begin)
    {
        using var batches = Batches(request.Split().Train);
        using var probe = begin(Far, batches.BatchesPerEpoch);
        var options = probe.Options with { Steps = StepTimer.Steps, ReadLossEvery = 1 };
        return StepTimer.Measure(hooks => new TrainingLoop(probe.Task, batches, options) { OnStep = hooks.OnStep, StopEarly = hooks.StopEarly }, time);
    }
}
