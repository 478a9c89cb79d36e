using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Runs;

namespace Espalier.OwnMethod;

/// <summary>
/// Espalier's own few-shot compression: (0) if asked for, merge tokens as far as
/// that goes; (a) search how wide queries, values and MLP (in a convolutional network, the inner channels) of every block should be, by what a cut costs once it is
/// repaired in closed form; (b) cut and repair block after block on the student's own activations; (c) finetune from there by following
/// the teacher's tokens at several depths. Every part is a resumable step of the run.
/// </summary>
public sealed class EspalierMethod(FewShotRequest request, EspalierOptions options, TimeProvider time) : IFewShotMethod
{
    private readonly EspalierPlan _plan = EspalierPlan.Of(request.Model.Architecture, request.Target, options);

    /// <summary>How a time is shared out: mostly to the search, as a look by every image gains more in a minute than gradient steps do; what it leaves goes to those.</summary>
    public static ImmutableArray<TimePhase> Phases { get; } = [new(MetricSetStage.Name, 0.1), new(SearchStage.Name, 0.8), new(SearchStage.RepairName, 0.09), new(DistillationStage.Name, 0.01)];

    public FewShotRequest Request { get; } = Judged(request, options).Checked();

    public string? Profile => null;

    /// <summary>Where the search starts from; what it comes to depends on the images (<see cref="Search"/>).</summary>
    public CompressionPlan Plan => CompressionPlan.Of(_plan.Limit, _plan.Start);

    public FewShotResult Compress(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        using var session = new EspalierSession(Request, options, _plan, folder, time);
        FewShotResult? result = null;
        List<RunStep> steps =
        [
            .. SearchSteps(session),
            new RunStep(DistillationStage.Name, context => DistillationStage.Run(session, context)) { Together = true },
            new RunStep(FinishStage.Name, context => result = Finish(session, context)),
        ];
        new Run(folder, steps, time).Execute(progress, cancellation);
        return result ?? CollectFinished(session);
    }

    /// <summary>Runs, or goes on with, the method up to the repaired structure, without any gradient step.</summary>
    public (Architecture Structure, FewShotResult Result) Search(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        using var session = new EspalierSession(Request, options, _plan, folder, time);
        new Run(folder, [.. SearchSteps(session)], time).Execute(progress, cancellation);
        using var student = _plan.Knobs.IsEmpty ? session.Teacher.Clone() : session.LoadStudent(SearchStage.Name);
        using var finished = session.Finished(student);
        return (finished.Architecture, Collect(session, finished));
    }

    // Synthetic images to train on are those of a synthetic metric set.
    internal static FewShotRequest Judged(FewShotRequest request, EspalierOptions options) => !options.Distillation.SyntheticInputs || request.Images is null ? request.JudgedByItsImages()
        : request.MetricSet.IsSynthetic ? request
        : throw new UsageException("Synthetic images are to be trained on besides, and those are of the synthetic metric set, but another set was named: leave one of the two out.")
        { Settings = [nameof(FewShotRequest.MetricSet)] };

    private IEnumerable<RunStep> SearchSteps(EspalierSession session) =>
    [
        new RunStep(PrepareStage.Name, context => PrepareStage.Run(session, context)) { Together = true },
        new RunStep(MetricSetStage.Name, context => MetricSetStage.Run(session, context)),
        .. options.MergeTokens ? [new RunStep(MergeStage.Name, context => MergeStage.Run(session, context)) { Together = true }] : Array.Empty<RunStep>(),
        new RunStep(SearchStage.Name, context => SearchStage.Run(session, context)) { Together = true },
    ];

    private FewShotResult Finish(EspalierSession session, StepContext context)
    {
        using var student = session.LoadStudent(DistillationStage.Name);
        var result = Collect(session, student);
        FinishStage.Run(session, context, student, result, new JsonObject
        {
            ["search_rounds"] = SearchStage.Read(session)!.Rounds.Length,
            ["merging_rounds"] = MergeStage.Read(session)?.Rounds.Length,
            ["blend"] = DistillationStage.Read(session)?.Blend,
            ["compensation"] = options.Repair.Compensation,
            ["correction"] = options.Repair.Correction,
            ["correction_share"] = options.Repair.CorrectionShare,
            ["crops"] = SearchScope.CropsOf(session),
            ["learning_rate"] = options.Distillation.LearningRate,
            ["batch_size"] = options.Distillation.BatchSize,
        });
        return result;
    }

    private static FewShotResult CollectFinished(EspalierSession session)
    {
        using var student = session.LoadStudent(DistillationStage.Name);
        return Collect(session, student);
    }

    private static FewShotResult Collect(EspalierSession session, Model student)
    {
        var search = SearchStage.Read(session)!;
        var (merging, finetuned) = (MergeStage.Read(session), DistillationStage.Read(session));
        var rounds = search.Rounds.IsEmpty ? merging?.Rounds ?? [] : search.Rounds;
        return session.Collect(session.Teacher.Architecture.Cost(), student.Architecture.Cost()) with
        {
            Stages = [.. new[] { search.Cut, search.Repaired, finetuned?.Stage }.OfType<FewShotStage>()],
            Structure = student.Architecture,
            Search = rounds,
            WidthRounds = search.Rounds.Length,
            SearchImages = search.Images,
            RepairImages = search.RepairImages,
            RepairCrops = SearchScope.FewerCrops(session),
            MergingRounds = merging?.Rounds.Length ?? 0,
            SearchSeconds = (merging?.Seconds ?? 0) + search.Seconds,
            FinetuneSteps = finetuned?.Finetune.Steps ?? 0,
            FinetuneSeconds = finetuned?.Finetune.Seconds ?? 0,
            StoppedEarly = finetuned is { Finetune: { } f } && f.Steps < f.Planned,
            Losses = [.. finetuned?.Finetune.Losses.Select(l => ((int?)null, l.Step, l.Loss)) ?? []],
        };
    }
}
