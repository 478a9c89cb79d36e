using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Espalier.FewShot;
using Espalier.Finetuning;
using Espalier.Runs;

namespace Espalier.DcVit;

/// <summary>
/// Dense few-shot compression (DC-ViT, CVPR 2024): (a) plan how many blocks lose their attention and how much of their MLPs stays,
/// (b) synthesise a metric set, (c) rank blocks by how well the network recovers from compressing each alone, (d) compress the best ones
/// one after another, finetuning after each by mimicking the teacher's features. Every part is a resumable step of the run. Whole-block
/// dropping is the same method with another edit, PRACTISE with another recovery besides.
/// </summary>
public sealed class DcVitMethod(FewShotRequest request, DcVitOptions options, TimeProvider time) : IRankingMethod
{
    private readonly Structure _structure = Planned(request, options);

    // What cannot be done is said before anything is written.
    private static Structure Planned(FewShotRequest request, DcVitOptions options)
    {
        options.Validate();
        options.Finetune.Loss.Require(request);
        return Structure.Plan(request.Model.Architecture, request.Target, options, request.Seed);
    }

    /// <summary>How a time is shared out: 15 % synthesis, 35 % ranking, 50 % finetuning.</summary>
    public static ImmutableArray<TimePhase> Phases { get; } = [new("synthesis", 0.15), new("ranking", 0.35), new("finetuning", 0.50)];

    /// <summary>The same with candidates that are trained where they were cut alone: a ranking is cheap then.</summary>
    public static ImmutableArray<TimePhase> LocalPhases { get; } = [new("synthesis", 0.15), new("ranking", 0.10), new("finetuning", 0.75)];

    /// <summary>The same without any finetuning to come: all that the ranking leaves is for scoring the candidates.</summary>
    public static ImmutableArray<TimePhase> RankPhases { get; } = [new("synthesis", 0.15), new("ranking", 0.75), new("scoring", 0.10)];

    /// <summary>A recovery of its own (PRACTISE's) is scored on the images it learns from; so is a network without a head, of whose classes none can be synthesised.</summary>
    public FewShotRequest Request { get; } = (options.Recovery is { IsJudgedByImages: true } || request.Model.Architecture.Classes == 0 ? request.JudgedByItsImages() : request).Checked();

    public string Profile => options.Profile.Name;

    /// <summary>What will be done to how many blocks.</summary>
    public Structure Structure => _structure;

    public CompressionPlan Plan => _structure.Summary;

    public FewShotResult Compress(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        using var session = Session(folder, options.Profile.LocalRanking ? LocalPhases : Phases);
        FewShotResult? result = null;
        List<RunStep> steps =
        [
            .. RankingSteps(session),
            .. PruningSteps(session),
            new RunStep(FinishStage.Name, context => result = Finish(session, context)),
        ];
        new Run(folder, steps, time).Execute(progress, cancellation);
        return result ?? DcVitCollector.Of(session);
    }

    /// <summary>Runs, or goes on with, the method up to the ranking.</summary>
    public FewShotResult Rank(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        using var session = Session(folder, RankPhases);
        new Run(folder, RankingSteps(session), time).Execute(progress, cancellation);
        return DcVitCollector.Of(session);
    }

    private List<RunStep> RankingSteps(DcVitSession session)
    {
        List<RunStep> steps =
        [
            new RunStep(PrepareStage.Name, context => PrepareStage.Run(session, context)) { Together = true },
            new RunStep(MetricSetStage.Name, context => MetricSetStage.Run(session, context)),
        ];
        if (_structure.Order is null)
            steps.AddRange(_structure.Candidates.Select((block, k) => Ranking(session, 0, block) with
            {
                Before = k == 0 ? _ => RankingStage.Plan(session, block) : null,
            }));
        return steps;
    }

    private IEnumerable<RunStep> PruningSteps(DcVitSession session)
    {
        var count = options.Once ? 1 : _structure.Count;
        for (var number = 1; number <= count; number++)
        {
            var n = number;
            yield return new RunStep(PruneStage.StepName(n), context => PruneStage.Run(session, context, n)) { Together = true };
            if (!options.Profile.Rerank || _structure.Order is not null || n == count) continue;
            foreach (var block in _structure.Candidates) yield return Ranking(session, n, block);
        }
    }

    private static RunStep Ranking(DcVitSession session, int round, int block) =>
        new(RankingStage.StepName(round, block), context => RankingStage.Run(session, context, round, block)) { Apart = true };

    private FewShotResult Finish(DcVitSession session, StepContext context)
    {
        var order = RankingStage.Order(session);
        using (var raw = PruneStage.RawCut(session, order))
            StepFile.Write(context.Folder, DcVitCollector.RawCutFile, session.Measure("cut", null, raw, context.Cancellation));
        using var student = session.LoadStudent(PruneStage.StepName(PruneStage.Finetunes(session)));
        var result = DcVitCollector.Of(session);
        FinishStage.Run(session, context, student, result, new JsonObject
        {
            ["profile"] = options.Profile.Name,
            ["variant"] = options.VariantFor(Request.Model.Architecture).ToString(),
            ["k"] = order.Length,
            ["hidden"] = _structure.Hidden,
            ["order"] = new JsonArray([.. result.Order.Select(b => (JsonNode)b)]),
            ["rank_steps"] = result.RankSteps,
            ["learning_rate"] = options.Finetune.LearningRate,
            ["batch_size"] = options.Finetune.BatchSize,
            ["feature"] = options.Finetune.Feature.ToString(),
            ["loss"] = options.Finetune.Loss.ToString(),
        });
        return result;
    }

    private DcVitSession Session(RunFolder folder, ImmutableArray<TimePhase> phases) => new(Request, options, _structure, folder, phases, time);
}
