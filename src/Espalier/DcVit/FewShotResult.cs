using System.Collections.Immutable;
using Espalier.Models.Vit;

namespace Espalier.DcVit;

/// <summary>A network at one point of its way.</summary>
/// <param name="Stage"><c>cut</c> or <c>finetuned</c>.</param>
/// <param name="Block">The block cut last; null when all were cut at once.</param>
/// <param name="Metric">Distance from the teacher on the metric set.</param>
/// <param name="HeldOut">Against the teacher on images that were not drawn; null without any.</param>
/// <param name="Top1">On the evaluation images.</param>
/// <param name="Top5">On the evaluation images.</param>
/// <param name="MacsBudget">Cost at this point.</param>
/// <param name="Steps">Gradient steps of this stage.</param>
/// <param name="Seconds">Time of its gradient steps.</param>
public sealed record FewShotStage(string Stage, int? Block, double Metric, HeldOutScore? HeldOut, double? Top1, double? Top5, long? MacsBudget,
    long? Steps, double? Seconds);

/// <summary>What a few-shot run came to.</summary>
public sealed record FewShotResult
{
    internal const string RawCutFile = "raw-cut.json";

    public required Cost Before { get; init; }

    public required Cost After { get; init; }

    public required int Hidden { get; init; }

    /// <summary>Compressed blocks in the order of compression.</summary>
    public ImmutableArray<int> Order { get; init; } = [];

    /// <summary>Every candidate with its metric, best first; empty when the order was given.</summary>
    public ImmutableArray<(int Block, double Metric)> Ranking { get; init; } = [];

    public ImmutableArray<FewShotStage> Stages { get; init; } = [];

    public double? Top1Before { get; init; }

    public double? Top5Before { get; init; }

    public long SynthesisSteps { get; init; }

    public double SynthesisSeconds { get; init; }

    /// <summary>The metric set came from an earlier run.</summary>
    public bool MetricSetCached { get; init; }

    public long RankSteps { get; init; }

    public double RankSeconds { get; init; }

    public long FinetuneSteps { get; init; }

    public double FinetuneSeconds { get; init; }

    /// <summary>True when time ran out before a finetune had all its steps: the run cannot be repeated exactly.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>Loss curves of the progressive finetunes, by block.</summary>
    public ImmutableArray<(int Block, long Step, double Loss)> Losses { get; init; } = [];

    public required SampledImages Samples { get; init; }

    /// <summary>Collects what the steps left in the run folder.</summary>
    internal static FewShotResult Of(FewShotSession session)
    {
        var prepared = PrepareStage.Read(session);
        var set = MetricSetStage.Read(session);
        var ranked = session.Options.Order is null ? RankingStage.Ranked(session) : [];
        var count = session.Options.Once ? 1 : session.Structure.Count;
        var pruned = Enumerable.Range(1, count).Select(t => PruneStage.Read(session, t)).OfType<PruneRecord>().ToList();
        var raw = StepFile.Read<StageRecord>(session.Folder.StepFolder("finish"), RawCutFile);
        var finetunes = ranked.Concat(pruned.Select(p => p.Finetune)).ToList();
        return new FewShotResult
        {
            Before = session.Structure.Before,
            After = session.Structure.After,
            Hidden = session.Structure.Hidden,
            Order = session.Options.Order ?? (ranked.IsEmpty ? [] : RankingStage.Order(session)),
            Ranking = [.. ranked.Select(r => (r.Block, r.Metric))],
            Stages = [.. (raw is null ? [] : new[] { raw }).Concat(pruned.SelectMany(p => new[] { p.Cut, p.Finetuned })).Select(Stage)],
            Top1Before = prepared.Top1,
            Top5Before = prepared.Top5,
            SynthesisSteps = set.Steps,
            SynthesisSeconds = set.Seconds,
            MetricSetCached = set.Cached,
            RankSteps = ranked.IsEmpty ? 0 : ranked[0].Steps,
            RankSeconds = ranked.Sum(r => r.Seconds),
            FinetuneSteps = pruned.Count > 0 ? pruned[^1].Finetune.Steps : 0,
            FinetuneSeconds = pruned.Sum(p => p.Finetune.Seconds),
            StoppedEarly = finetunes.Any(f => f.Steps < f.Planned),
            Losses = [.. pruned.SelectMany(p => p.Finetune.Losses.Select(l => (p.Finetune.Block, l.Step, l.Loss)))],
            Samples = session.Samples,
        };
    }

    private static FewShotStage Stage(StageRecord r) => new(r.Stage, r.Block, r.Metric, r.HeldOut, r.Top1, r.Top5, r.MacsBudget, r.Steps, r.Seconds);
}
