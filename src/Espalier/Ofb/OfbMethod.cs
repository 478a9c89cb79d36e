using System.Text.Json;
using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Reports;
using Espalier.Runs;
using Espalier.Supervised;
using Espalier.Torch;

namespace Espalier.Ofb;

/// <summary>OFB as a run: search and recovery in one training, then the results. Planning rejects a target out of reach.</summary>
public sealed class OfbMethod
{
    private const string CutFile = "cut.json", HistoryFile = "history.json", ModelName = "model", LateFile = "late.json";
    // A search may take so many times what it should on a machine that became slower; then its sizes are decided.
    private const double Patience = 1.2;
    private readonly SupervisedRun _run;

    /// <param name="request">What is asked.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="BudgetException">The target is out of reach.</exception>
    /// <inheritdoc cref="TrainingRequest.Check" path="/exception"/>
    public OfbMethod(SearchRequest request, TimeProvider time)
    {
        Plan = OfbPlan.Create(request.Model.Vit, request.Target, request.Options.FixedEmbed);
        Request = request.Checked();
        _run = new SupervisedRun(request, request.Options.Recipe, time)
        {
            StepName = "search", Activity = "search and recovery", Accumulate = request.Options.Accumulate,
            Begin = Begin, Later = (request.Options.SearchShare, BeginRecovery), Finish = Finish, Measuring = Measuring,
        };
    }

    public OfbPlan Plan { get; }

    public SearchRequest Request { get; }

    /// <summary>Runs, or goes on with, the search; leaves a model folder in the run folder.</summary>
    public SearchResult Run(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        _run.Execute(folder, progress, cancellation);
        var (finished, searched) = (SupervisedRun.Read<FinishRecord>(folder), _run.Trained(folder));
        var ((steps, planned), losses, skipped) = _run.Outcome(folder);
        var net = ModelSource.Open(Path.Combine(searched, ModelName)).Vit;
        return new SearchResult(Plan.Before, net, steps, [StepFile.Read<SearchStage>(searched, CutFile)!, finished.Last])
        {
            Top1Before = finished.Top1Before,
            Top5Before = finished.Top5Before,
            SkippedImages = skipped,
            StoppedEarly = steps < planned || File.Exists(Path.Combine(searched, LateFile)),
            Losses = losses,
            History = StepFile.Read<IReadOnlyList<ReportMoment>>(searched, HistoryFile) ?? [],
        };
    }

    private Trainee Begin(long steps, int batchesPerEpoch, StepContext? context)
    {
        var net = Supernet.Create(Plan.Space, Request.Model.LoadVit(Request.Compute.Device, Request.Seed), Request.Options.Pmim, Request.Seed);
        // One that is thrown away has nobody to tell; far from its end it does not cut, and what a search cuts later only makes steps faster.
        var task = new SearchTask(net, Plan, Request.Options, steps, batchesPerEpoch, Request.Seed)
        {
            OnDecided = context is null ? null : step => StepFile.Write(context.Folder, CutFile, Cut(net, step, context)),
            OnCut = context is null ? null : architecture => TellWidths(architecture, context),
            IsLate = context is null ? null : () => _run.IsFirstOver(Patience) && EndedByClock(context),
        };
        return new Trainee(net, task, task.Training(Request.Compute))
        {
            Status = () => task.Status is { Length: > 0 } status ? status : null,
            // A network whose sizes are open is of no use to anyone.
            MayEnd = () => net.IsFused,
            Save = folder =>
            {
                StepFile.Write(folder, HistoryFile, task.History);
                ModelFolder.Write(Directory.CreateDirectory(Path.Combine(folder, ModelName)).FullName, net.Model);
            },
        };
    }

    // Then no number of steps repeats it: sizes were decided before that share of them was done which the search should have.
    private static bool EndedByClock(StepContext context)
    {
        StepFile.Write(context.Folder, LateFile, new LateRecord(true));
        return true;
    }

    // A network of the size that is looked for, trained as the one that will be found: for its pace alone.
    private Trainee BeginRecovery(long steps, int batchesPerEpoch)
    {
        var recipe = Request.Options.Recipe;
        Model net = Plan.Example.Random(Request.Model.Preprocessing, Request.Seed);
        if (Request.Compute.Device != "cpu")
            using (var there = net) net = there.To(Request.Compute.Device);
        return new Trainee(net, new SupervisedTask(net, recipe.Mixing(), recipe.DropPath, Request.Seed), recipe.Options(steps, batchesPerEpoch, Request.Compute) with { Accumulate = Request.Options.Accumulate })
            { Save = _ => { } };
    }

    private void Finish(StepContext context, string searched, long steps)
    {
        using var model = ModelSource.Open(Path.Combine(searched, ModelName)).LoadVit(Request.Compute.Device);
        var last = Measure(model, "finetuned", steps, context);
        using var given = Request.Eval is null ? null : Request.Model.Load(Request.Compute.Device);
        var before = given is null ? null : _run.Score(given, context.Cancellation);
        SupervisedRun.Write(context, new FinishRecord(last, before?.Top1, before?.Top5));
        var provenance = _run.Provenance(MethodNames.Ofb, Request.Model.SourceHash, steps);
        provenance["target"] = Request.Target.ToString();
        provenance["options"] = JsonSerializer.SerializeToNode(Request.Options, SupervisedMethod.RecipeJson);
        ModelFolder.Write(context.Run.ResultFolder, model, provenance, Request.Data.ClassNames);
    }

    // When the sizes are decided; at the end, and the given network.
    private (double During, double After) Measuring(CancellationToken cancellation)
    {
        using var dense = Request.Model.Load(Request.Compute.Device, Request.Seed);
        var (eval, aside) = _run.Measure(dense, cancellation);
        return (eval + aside, eval + aside + eval);
    }

    private SearchStage Cut(Supernet net, long step, StepContext context)
    {
        using var scope = new TensorScope();
        using var model = net.Folded(Request.Options.AllWrites);
        context.Progress.Report(ProgressUpdate.Message("search", $"all sizes decided after {step} steps"));
        return Measure(model, "cut", step, context);
    }

    private SearchStage Measure(Model model, string stage, long step, StepContext context)
    {
        var metric = Request.Split().Aside is { } aside ? _run.Evaluator(model).Loss(model, aside, context.Cancellation) : double.NaN;
        var eval = _run.Score(model, context.Cancellation);
        return new SearchStage(stage, step, metric, eval?.Top1, eval?.Top5);
    }

    private void TellWidths(VitArchitecture net, StepContext context)
    {
        if (Request.TellWidths)
            context.Progress.Report(ProgressUpdate.Message("search", $"width {string.Join('/', net.Stages.Select(net.WidthOf))}; heads×dim/MLP "
                + string.Join(' ', net.Blocks.Select(b => $"{b.Heads}×{b.QkDim}/{b.MlpHidden}"))));
    }

    private sealed record LateRecord(bool EndedByClock);

    private sealed record FinishRecord(SearchStage Last, double? Top1Before, double? Top5Before);
}
