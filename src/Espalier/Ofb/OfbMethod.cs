using Espalier.Models;
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Espalier.Budget;
using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Reports;
using Espalier.Runs;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Ofb;

/// <summary>What <c>search</c> does.</summary>
public sealed record SearchRequest
{
    public required ModelSource Model { get; init; }

    public required Target Target { get; init; }

    /// <summary>Labelled training images of the model's classes.</summary>
    public required ImageDataset Data { get; init; }

    /// <summary>Labelled images to measure accuracy on; null measures nothing.</summary>
    public ImageDataset? Eval { get; init; }

    /// <summary>Training images kept aside and measured at every stage.</summary>
    public int HoldOut { get; init; }

    /// <summary>Refuse a training image that cannot be read, instead of going on without it.</summary>
    public bool Strict { get; init; }

    public required OfbOptions Options { get; init; }

    /// <summary>Of search and recovery together.</summary>
    public required TrainingEffort Effort { get; init; }

    /// <summary>Every change of a width is told.</summary>
    public bool TellWidths { get; init; }

    public required ulong Seed { get; init; }

    public required ComputeOptions Compute { get; init; }

    /// <summary>Files and folders it reads, which no output may replace.</summary>
    public IEnumerable<string> Reads => Model.Files.Concat(Data.Files).Concat(Eval?.Files ?? []);

    /// <summary>This request, once it is sure that recipe, images and labels go together: all that can be known before there is a run.</summary>
    /// <exception cref="UsageException">The recipe has a value out of its range, or no image is left to train on.</exception>
    /// <exception cref="InputException">Images have no labels, or others than the model.</exception>
    internal SearchRequest Checked()
    {
        Options.Recipe.Validate();
        Training.HeldOut.Check(Data.RequireLabels(), HoldOut);
        if (Data.ClassCount != Model.Architecture.Classes)
            throw new InputException($"The data has {Data.ClassCount} classes, the model {Model.Architecture.Classes}; finetune the model on this data first.");
        if (Eval is not null) Evaluator.Require(Eval, Model.Architecture);
        return this;
    }

    /// <summary>Images to keep aside of a set when nothing else is said: a tenth, at most 1,000.</summary>
    public static int DefaultHoldOut(ImageDataset data) => Math.Min(1000, (data.Count + 9) / 10);
}

/// <summary>The network when its sizes were decided (<c>cut</c>) or at the end (<c>finetuned</c>); the metric is the cross-entropy on images kept aside.</summary>
public sealed record SearchStage(string Stage, long Steps, double Metric, double? Top1, double? Top5);

/// <summary>What a search came to.</summary>
public sealed record SearchResult(Cost Before, VitArchitecture Net, long Steps, ImmutableArray<SearchStage> Stages)
{
    public Cost After => VitCost.Of(Net);

    public double? Top1Before { get; init; }

    public double? Top5Before { get; init; }

    /// <summary>Training images that could not be read and were left out.</summary>
    public int SkippedImages { get; init; }

    /// <summary>True when time ran out before the planned steps were done: the run cannot be repeated exactly.</summary>
    public bool StoppedEarly { get; init; }

    public IReadOnlyList<(long Step, double Loss)> Losses { get; init; } = [];

    /// <summary>How the search went.</summary>
    public IReadOnlyList<ReportMoment> History { get; init; } = [];
}

/// <summary>OFB as a run: search and recovery in one training, then the results. Planning rejects a target out of reach.</summary>
public sealed class OfbMethod(SearchRequest request, TimeProvider time)
{
    private const string SearchStep = "search", FinishStep = "finish", FinishedFile = "finished.json", CutFile = "cut.json", HistoryFile = "history.json", ModelName = "model";
    // Of the time for training, a search may take this much more than its share on a machine that became slower; then its sizes are decided.
    private const double Patience = 1.2;
    private readonly LossCurveFile _curve = new();
    private TrainingClock? _clock;

    public OfbPlan Plan { get; } = OfbPlan.Create(request.Model.Vit, request.Target, request.Options.FixedEmbed);

    public SearchRequest Request { get; } = request.Checked();

    /// <summary>Runs, or goes on with, the search; leaves a model folder in the run folder.</summary>
    public SearchResult Run(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        request.Compute.Apply();
        _clock = new TrainingClock(request.Effort, folder, request.Compute.Group, time);
        new Run(folder, [new RunStep(SearchStep, Search) { Together = true }, new RunStep(FinishStep, Finish) { Together = true }], time)
            .Execute(progress, cancellation);
        return Result(folder);
    }

    private void Search(StepContext context)
    {
        var (train, _) = Split();
        var steps = StepCount(context, train);
        using var net = NewNet();
        var skipped = new SkippedImages(context.Folder, context.Progress);
        using var batches = Batches(train, skipped.Add);
        var curve = new LossCurve(steps);
        var meter = new ProgressMeter(context.Progress, time, "search and recovery", steps, "images", request.Options.Recipe.BatchSize * request.Options.Accumulate);
        var task = new SearchTask(net, Plan, request.Options, steps, batches.BatchesPerEpoch, request.Seed)
        {
            OnDecided = step => StepFile.Write(context.Folder, CutFile, Cut(net, step, context)),
            OnCut = architecture => TellWidths(architecture, context),
            IsLate = () => _clock!.IsUsed(Patience * OfbSchedule.Fuse),
        };
        using var loop = new TrainingLoop(task, batches, task.Training(request.Compute))
        {
            OnStep = report => meter.Report(report.Step, report.Loss, status: task.Status is { Length: > 0 } status ? status : null),
            // A network whose sizes are open is of no use to anyone.
            StopEarly = _clock!.IsOver is { } isOver ? () => net.IsFused && isOver() : null,
            Checkpoint = context.Checkpoint(time),
            Curve = curve,
        };
        loop.Run(context.Cancellation);
        loop.Finish();
        _curve.Write(context.Folder, curve);
        new TrainedRecord(loop.Step, steps).Write(context.Folder);
        StepFile.Write(context.Folder, HistoryFile, task.History);
        ModelFolder.Write(Directory.CreateDirectory(Path.Combine(context.Folder, ModelName)).FullName, net.Model);
    }

    private void Finish(StepContext context)
    {
        var searched = context.Run.StepFolder(SearchStep);
        using var model = ModelSource.Open(Path.Combine(searched, ModelName)).LoadVit(request.Compute.Device);
        var steps = TrainedRecord.Read(searched).Steps;
        var last = Measure(model, "finetuned", steps, context);
        var before = request.Eval is null ? null : Score(request.Model, context);
        StepFile.Write(context.Folder, FinishedFile, new FinishRecord(last, before?.Top1, before?.Top5));
        ModelFolder.Write(context.Run.ResultFolder, model, Provenance(steps), request.Data.ClassNames);
    }

    // From what the steps left: the last sitting may find all of them done.
    private SearchResult Result(RunFolder folder)
    {
        var searched = folder.StepFolder(SearchStep);
        var finished = StepFile.Read<FinishRecord>(folder.StepFolder(FinishStep), FinishedFile)
            ?? throw new UsageException($"'{folder.Path}' is finished already; there is nothing to resume.");
        var net = ModelSource.Open(Path.Combine(searched, ModelName)).Vit;
        return new SearchResult(Plan.Before, net, finished.Last.Steps, [StepFile.Read<SearchStage>(searched, CutFile)!, finished.Last])
        {
            Top1Before = finished.Top1Before, Top5Before = finished.Top5Before, Losses = _curve.Read(searched),
            SkippedImages = SkippedImages.Count(searched),
            StoppedEarly = TrainedRecord.Read(searched) is var trained && trained.Steps < trained.Planned,
            History = StepFile.Read<IReadOnlyList<ReportMoment>>(searched, HistoryFile) ?? [],
        };
    }

    private (ImageDataset Train, ImageDataset? Aside) Split() => HeldOut.Split(request.Data, request.HoldOut, request.Seed);

    private Supernet NewNet() =>
        Supernet.Create(Plan.Space, request.Model.LoadVit(request.Compute.Device, request.Seed), request.Options.Pmim, request.Seed);

    private ImageBatches Batches(ImageDataset train, Action<ImageItem, string>? onSkipped = null)
    {
        var recipe = request.Options.Recipe;
        return new ImageBatches(train, recipe.Transform(request.Model.Preprocessing),
            new LoaderOptions { BatchSize = recipe.BatchSize, Seed = request.Seed, Prefetch = 4, SkipUnreadable = !request.Strict, Share = request.Compute.Share },
            request.Compute.Device)
        { OnSkipped = onSkipped };
    }

    private SearchStage Cut(Supernet net, long step, StepContext context)
    {
        using var scope = new TensorScope();
        using var model = net.Folded(request.Options.AllWrites);
        context.Progress.Report(ProgressUpdate.Message("search", $"all sizes decided after {step} steps"));
        return Measure(model, "cut", step, context);
    }

    private SearchStage Measure(Model model, string stage, long step, StepContext context)
    {
        var evaluator = Evaluator.For(model, request.Compute, time);
        var metric = Split().Aside is { } aside ? evaluator.Loss(model, aside, context.Cancellation) : double.NaN;
        var eval = request.Eval is null ? null : evaluator.Score(model, request.Eval, context.Cancellation);
        return new SearchStage(stage, step, metric, eval?.Top1, eval?.Top5);
    }

    private EvaluationResult Score(ModelSource source, StepContext context)
    {
        using var model = source.Load(request.Compute.Device);
        return Evaluator.For(model, request.Compute, time).Score(model, request.Eval!, context.Cancellation);
    }

    private void TellWidths(VitArchitecture net, StepContext context)
    {
        if (request.TellWidths)
            context.Progress.Report(ProgressUpdate.Message("search", $"width {string.Join('/', net.Stages.Select(net.WidthOf))}; heads×dim/MLP "
                + string.Join(' ', net.Blocks.Select(b => $"{b.Heads}×{b.QkDim}/{b.MlpHidden}"))));
    }

    private long StepCount(StepContext context, ImageDataset train)
    {
        var batch = request.Options.Recipe.BatchSize;
        return _clock!.Steps(context.Folder, (double)((train.Count + batch - 1) / batch) / request.Options.Accumulate, () =>
        {
            using var net = NewNet();
            using var batches = Batches(train);
            // Far from its end a search does not cut; what it cuts later only makes steps faster.
            var task = new SearchTask(net, Plan, request.Options, 1_000_000, batches.BatchesPerEpoch, request.Seed);
            var options = task.Training(request.Compute) with { Steps = StepTimer.Steps, ReadLossEvery = 1 };
            return StepTimer.Measure(onStep => new TrainingLoop(task, batches, options) { OnStep = onStep }, time);
        }, () =>
        {
            using var dense = request.Model.Load(request.Compute.Device, request.Seed);
            var evaluator = Evaluator.For(dense, request.Compute, time);
            var (eval, aside) = (TrainingClock.Measure(evaluator, dense, request.Eval, context.Cancellation),
                TrainingClock.Measure(evaluator, dense, Split().Aside, context.Cancellation));
            // When the sizes are decided; at the end, and the given network.
            return (eval + aside, eval + aside + eval);
        });
    }

    private JsonObject Provenance(long steps) => new()
    {
        ["method"] = MethodNames.Ofb,
        ["seed"] = request.Seed,
        ["target"] = request.Target.ToString(),
        ["data"] = request.Data.Name,
        ["images"] = request.Data.Count - request.HoldOut,
        ["steps"] = steps,
        ["source"] = request.Model.SourceHash,
        ["options"] = JsonSerializer.SerializeToNode(request.Options, SupervisedMethod.RecipeJson),
    };

    private sealed record FinishRecord(SearchStage Last, double? Top1Before, double? Top5Before);
}
