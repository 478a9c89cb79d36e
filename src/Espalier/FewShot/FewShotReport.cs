using System.Collections.Immutable;
using Espalier.Reports;
using Espalier.Runs;

namespace Espalier.FewShot;

/// <summary>The report of a few-shot run.</summary>
public static class FewShotReport
{
    /// <summary>The report of a run that is done, or that stopped after its ranking.</summary>
    public static RunReport Of(IFewShotMethod method, FewShotResult result, RunFolder folder)
    {
        var request = method.Request;
        var last = result.Stages.LastOrDefault();
        var raw = result.Stages.FirstOrDefault();
        return RunReports.Begin(folder, request.Model, request.Compute, request.Eval, request.Seed)
            .With(result.Before, result.After).With(request.Target.Resolve(result.Before)) with
        {
            RepeatCommandLine = result.StoppedEarly ? null : Repeat(result, folder.Manifest),
            Method = request.Method,
            Profile = method.Profile,
            Target = request.Target.ToString(),
            Images = result.Samples.Train.Count,
            ImageListHash = result.Samples.ListHash,
            Top1Before = result.Top1Before,
            Top5Before = result.Top5Before,
            Top1After = last?.Top1,
            Top5After = last?.Top5,
            HeldOutMseCut = raw?.HeldOut?.FeatureMse,
            HeldOutMseAfter = last?.HeldOut?.FeatureMse,
            HeldOutAgreement = last?.HeldOut?.Agreement,
            HeldOutKl = last?.HeldOut?.Kl,
            Order = result.Order,
            Hidden = result.Hidden,
            Stages = [.. result.Stages.Select(Stage)],
            Ranking = [.. result.Ranking.Select(Rank)],
            Search = [.. result.Search.Select((s, i) => new ReportSearch(i + 1, s.Kl, s.Moves) { Fold = s.Fold })],
            Structure = result.Structure is { } net ? ReportBlock.Of(net) : [],
            Losses = Losses(result),
            Phases =
            [
                new ReportPhase("synthesis", result.SynthesisSeconds, result.SynthesisSteps),
                result.Search.IsEmpty
                    ? new ReportPhase("ranking", result.RankSeconds, result.RankSteps, result.Ranking.Length)
                    : new ReportPhase("search and repair", result.SearchSeconds, 0, 0),
                new ReportPhase("finetuning", result.FinetuneSeconds, result.FinetuneSteps, result.Stages.Count(s => s.Stage == "finetuned")),
            ],
            Pictures = result.SynthesisSteps > 0 ? Pictures(folder.Path) : [],
            Notes = [.. method.Plan.Warnings, .. Notes(result), .. RunReports.Timed(folder, request.Effort.Time, result.StoppedEarly)],
        };
    }

    /// <summary>A ranked block as reports and results tell it.</summary>
    public static ReportRank Rank(RankedCandidate r) => new(r.Block, r.Metric)
    {
        TrainingKl = r.Measures?.Training.Kl,
        TrainingMse = r.Measures?.Training.FeatureMse,
        HeldOutKl = r.Measures?.HeldOut?.Kl,
        Top1 = r.Measures?.Top1,
        Top5 = r.Measures?.Top5,
    };

    private static ReportStage Stage(FewShotStage s) => new()
    {
        Stage = s.Stage,
        Block = s.Block,
        Metric = s.Metric,
        HeldOutMse = s.HeldOut?.FeatureMse,
        HeldOutAgreement = s.HeldOut?.Agreement,
        HeldOutKl = s.HeldOut?.Kl,
        Top1 = s.Top1,
        Top5 = s.Top5,
        MacsBudget = s.MacsBudget,
        Steps = s.Steps,
        Seconds = s.Seconds,
    };

    // One curve over the whole run: each finetune goes on where the one before it ended.
    private static ImmutableArray<ReportLoss> Losses(FewShotResult result)
    {
        var points = ImmutableArray.CreateBuilder<ReportLoss>();
        foreach (var group in result.Losses.GroupBy(l => l.Block))
        {
            var before = points.Count > 0 ? points[^1].Step : 0;
            points.AddRange(group.Select(l => new ReportLoss(before + l.Step, l.Loss, l.Block is { } block ? $"block {block}" : null)));
        }
        return points.ToImmutable();
    }

    private static ImmutableArray<string> Pictures(string run)
    {
        var folder = Path.Combine(run, FewShotResult.PicturesFolder);
        return Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, "*.png").Order(StringComparer.Ordinal).Select(f => $"{FewShotResult.PicturesFolder}/{Path.GetFileName(f)}")]
            : [];
    }

    private static IEnumerable<string> Notes(FewShotResult result)
    {
        if (result.MetricSetCached) yield return "The synthetic metric set came from an earlier run of the same model and seed.";
    }

    /// <summary>Switches that look at as many images again.</summary>
    /// <param name="search">Images that were searched on.</param>
    /// <param name="repair">Images that were repaired on.</param>
    /// <param name="drawn">All that were drawn.</param>
    internal static IEnumerable<(string, string)> Looked(int search, int repair, int drawn)
    {
        // A single image is all there are, and no number to ask for.
        if (search > 1) yield return (RunReports.Switch, $"search_images={search}");
        if (repair > 1 && repair < drawn) yield return (RunReports.Switch, $"repair_images={repair}");
    }

    private static string? Repeat(FewShotResult result, RunManifest manifest)
    {
        if (result.Stages.IsEmpty)
            return RunReports.Repeat(manifest, [("--steps", $"{result.RankSteps}"), ("--synthesis-steps", $"{Math.Max(1, result.SynthesisSteps)}")]);
        List<(string, string)> effort = [("--steps", $"{result.FinetuneSteps}")];
        if (result.SynthesisSteps > 0) effort.Add(("--synthesis-steps", $"{result.SynthesisSteps}"));
        if (result.MergingRounds > 0) effort.Add((RunReports.Switch, $"merging_rounds={result.MergingRounds}"));
        if (result.WidthRounds > 0) effort.Add((RunReports.Switch, $"rounds={result.WidthRounds}"));
        effort.AddRange(Looked(result.SearchImages, result.RepairImages, result.Samples.Train.Count));
        if (result.RepairCrops is { } crops) effort.Add((RunReports.Switch, $"crops={crops}"));
        if (result.Ranking.Length > 0) effort.Add(("--rank-steps", $"{result.RankSteps}"));
        return RunReports.Repeat(manifest, effort);
    }
}
