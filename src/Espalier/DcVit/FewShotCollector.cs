using Espalier.FewShot;
using Espalier.MetricSets;
using Espalier.Runs;

namespace Espalier.DcVit;

/// <summary>Collects what the steps of a run left in its folder.</summary>
internal static class FewShotCollector
{
    internal const string RawCutFile = "raw-cut.json";

    /// <summary>The result so far.</summary>
    internal static FewShotResult Of(FewShotSession session)
    {
        var prepared = PrepareStage.Read(session);
        var set = MetricSetStage.Read(session);
        var ranked = session.Options.Order is null ? RankingStage.Ranked(session) : [];
        var count = session.Options.Once ? 1 : session.Structure.Count;
        var pruned = Enumerable.Range(1, count).Select(t => PruneStage.Read(session, t)).OfType<PruneRecord>().ToList();
        var raw = StepFile.Read<FewShotStage>(session.Folder.StepFolder("finish"), RawCutFile);
        var finetunes = ranked.Concat(pruned.Select(p => p.Finetune)).ToList();
        return new FewShotResult
        {
            Before = session.Structure.Before,
            After = session.Structure.After,
            Hidden = session.Structure.Hidden,
            Order = session.Options.Order ?? (ranked.IsEmpty ? [] : RankingStage.Order(session)),
            Ranking = [.. ranked.Select(r => (r.Block, r.Metric))],
            Stages = [.. (raw is null ? [] : new[] { raw }).Concat(pruned.SelectMany(p => new[] { p.Cut, p.Finetuned }))],
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
}
