using System.Text.Json.Nodes;
using Espalier.Evaluation;
using Espalier.Reports;

namespace Espalier.Studies;

/// <summary>The numbers of a row, each under the name of its column: out of its reports and of what was measured besides, nothing else.</summary>
public static class StudyNumbers
{
    /// <summary>Name of the measurement that evaluates a result.</summary>
    public const string Evaluated = "evaluate";

    /// <summary>Columns in order; those a row has no number for are left out.</summary>
    public static IEnumerable<(string Column, double Value)> Of(StudyEntry entry) =>
        All(entry).Where(n => n.Value is not null).Select(n => (n.Column, n.Value!.Value));

    private static IEnumerable<(string Column, double? Value)> All(StudyEntry entry)
    {
        if (entry.Report is { } r)
        {
            yield return ("macs_budget", r.MacsBudgetAfter);
            yield return ("macs_full", r.MacsFullAfter);
            yield return ("params", r.ParamsAfter);
            yield return ("macs_budget_share", Share(r.MacsBudgetBefore, r.MacsBudgetAfter));
            yield return ("macs_full_share", Share(r.MacsFullBefore, r.MacsFullAfter));
            yield return ("params_share", Share(r.ParamsBefore, r.ParamsAfter));
            yield return ("top1_before", r.Top1Before);
            yield return ("top1", r.Top1After);
            yield return ("top5", r.Top5After);
            yield return ("points_lost", 100 * (r.Top1Before - r.Top1After));
            yield return ("held_out_agreement", r.HeldOutAgreement);
            yield return ("held_out_kl", r.HeldOutKl);
            yield return ("held_out_mse", r.HeldOutMseAfter);
            yield return ("latency_kept", r.LatencyKept);
            foreach (var correlation in Correlations(r)) yield return correlation;
            yield return ("finetune_steps", r.Phases.LastOrDefault()?.Steps);
            yield return ("seconds", r.Seconds);
        }
        if (entry.Then is { } then)
        {
            yield return ("then_top1", then.Top1After);
            yield return ("then_top5", then.Top5After);
            yield return ("then_seconds", then.Seconds);
        }
        foreach (var (name, result) in entry.Measured)
            foreach (var number in name == Evaluated ? Evaluation(result!, entry.Report?.Top1After is null) : Latency(name, result!)) yield return number;
    }

    // How far the order of the blocks by each criterion is that of their errors on the evaluation images (Fig. 4).
    private static IEnumerable<(string, double?)> Correlations(RunReport report)
    {
        var ranking = report.Ranking;
        if (ranking.Length < 2 || ranking.Any(r => r.Top1 is null || r.TrainingKl is null)) yield break;
        double[] error = [.. ranking.Select(r => 1 - r.Top1!.Value)];
        (string Name, Func<ReportRank, double?> Of)[] criteria =
            [("metric", r => r.Metric), ("training_kl", r => r.TrainingKl), ("training_mse", r => r.TrainingMse), ("held_out_kl", r => r.HeldOutKl)];
        foreach (var (name, of) in criteria)
        {
            if (ranking.Any(r => of(r) is null or double.NaN)) continue;
            double[] values = [.. ranking.Select(r => of(r)!.Value)];
            yield return ($"spearman_{name}", Finite(Correlation.Spearman(values, error)));
            yield return ($"kendall_{name}", Finite(Correlation.Kendall(values, error)));
        }
    }

    // Accuracies only where the run itself measured none.
    private static IEnumerable<(string, double?)> Evaluation(JsonNode result, bool accuracy)
    {
        if (result["against"] is not { } against)
        {
            // The given model itself.
            yield return ("top1", Number(result["top1"]));
            yield return ("top5", Number(result["top5"]));
            yield break;
        }
        var (top1, difference) = (Number(result["top1"]), Number(against["top1_difference"]));
        if (accuracy)
        {
            yield return ("top1_before", top1 - difference);
            yield return ("top1", top1);
            yield return ("top5", Number(result["top5"]));
            yield return ("points_lost", -100 * difference);
        }
        yield return ("points_lost_margin", 100 * Number(against["top1_margin"]));
        yield return ("agreement", Number(against["agreement"]));
        yield return ("kl", Number(against["kl"]));
    }

    private static IEnumerable<(string, double?)> Latency(string name, JsonNode result)
    {
        if (result["latency_ms"] is not { } latency) yield break;
        yield return ($"{name}_ms", Number(latency["median"]));
        if (result["speedup"] is not { } speedup) yield break;
        foreach (var part in new[] { "median", "p10", "p90" }) yield return (part == "median" ? $"{name}_speedup" : $"{name}_speedup_{part}", Number(speedup[part]));
    }

    private static double? Number(JsonNode? node) => node is JsonValue value && value.TryGetValue<double>(out var number) ? number : null;

    private static double? Share(long? before, long? after) => before > 0 ? (double?)after / before : null;

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
