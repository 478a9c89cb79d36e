using Espalier.FewShot;
using Espalier.Runs;

namespace Espalier.DcVit;

/// <summary>Collects what the steps of a run left in its folder.</summary>
internal static class DcVitCollector
{
    internal const string RawCutFile = "raw-cut.json";

    /// <summary>The result so far.</summary>
    internal static FewShotResult Of(DcVitSession session)
    {
        var listed = session.Structure.Order;
        var ranked = listed is null ? RankingStage.Ranked(session) : [];
        var order = listed ?? (ranked.IsEmpty ? [] : RankingStage.Order(session));
        var structure = session.StructureFor(order);
        var count = session.Options.Once ? 1 : order.Length;
        var pruned = Enumerable.Range(1, count).Select(t => PruneStage.Read(session, t)).OfType<PruneRecord>().ToList();
        var raw = StepFile.Read<FewShotStage>(session.Folder.StepFolder(FinishStage.Name), RawCutFile);
        var finetunes = ranked.Select(r => r.Finetune).Concat(pruned.Select(p => p.Finetune));
        return session.Collect(structure.Before, order.IsEmpty ? structure.After : structure.Apply(order).Cost()) with
        {
            Hidden = structure.Hidden,
            Order = order,
            Structure = pruned.Count < Math.Max(1, count) ? null : structure.Apply(order),
            Ranking = [.. ranked.Select(r => new RankedCandidate(r.Block, r.Metric) { Measures = r.Measures })],
            Stages = [.. (raw is null ? [] : new[] { raw }).Concat(pruned.SelectMany(p => new[] { p.Cut, p.Finetuned }))],
            RankSteps = ranked.IsEmpty ? 0 : ranked[0].Finetune.Steps,
            RankSeconds = ranked.Sum(r => r.Finetune.Seconds),
            FinetuneSteps = pruned.Count > 0 ? pruned[^1].Finetune.Steps : 0,
            FinetuneSeconds = pruned.Sum(p => p.Finetune.Seconds),
            StoppedEarly = finetunes.Any(f => f.Steps < f.Planned),
            Losses = [.. pruned.SelectMany(p => p.Finetune.Losses.Select(l => ((int?)p.Block, l.Step, l.Loss)))],
        };
    }
}
