using System.Globalization;
using Espalier.Reports;
using static Espalier.Reports.ReportNumbers;

namespace Espalier.Studies;

/// <summary>Draws a study's <c>report.html</c>: figures, means over seeds, choices of learning rates and every row.</summary>
public static class StudyHtml
{
    // Column, heading, and how a mean is written.
    private static readonly (string Column, string Heading, Func<double, string> Write)[] s_columns =
    [
        ("macs_budget_share", "MACs (budget)", Share), ("macs_full_share", "MACs (full)", Share), ("params_share", "parameters", Share),
        ("top1", "top-1", Share), ("points_lost", "points lost", Points), ("held_out_agreement", "agreement, held out", Share), ("held_out_kl", "KL, held out", Metric),
        ("agreement", "agreement, evaluation images", Share), ("kl", "KL, evaluation images", Metric), ("then_top1", "top-1 afterwards", Share),
        ("latency_b1_speedup", "speed-up, batch 1", Factor), ("latency_b16_speedup", "speed-up, batch 16", Factor),
        ("spearman_metric", "ρ, metric", Metric), ("kendall_metric", "τ, metric", Metric), ("spearman_training_kl", "ρ, training KL", Metric),
        ("kendall_training_kl", "τ, training KL", Metric), ("spearman_training_mse", "ρ, training MSE", Metric), ("kendall_training_mse", "τ, training MSE", Metric),
        ("seconds", "time", Time),
    ];

    /// <summary>The page's text.</summary>
    public static string Build(StudyHead head, IReadOnlyList<StudyEntry> entries, IReadOnlyList<StudyChoice> choices)
    {
        var groups = StudyTable.Groups(entries);
        var done = entries.Count(e => e.Status == StudyStatus.Done);
        var failed = entries.Count(e => e.Status == StudyStatus.Failed);
        var body = Html.Of($"""
            <article><header><p class="kicker">Espalier study</p><h1>{head.Study.Name}</h1></header>
            <p>{head.Study.Definition.About}</p>
            <p class="soft">{done} of {entries.Count} rows done{(failed > 0 ? $", {failed} failed" : "")}{(head.Study.Form is { } form ? $" · form {form}" : "")}</p>
            {StudyFigures.Draw(groups, entries)}
            {Section("Means over seeds", groups.Length, () => Means(groups))}
            {Section("Learning rates", choices.Count, () => Choices(choices, head.Study.Definition.LearningRates!.Per))}
            {Section("Rows", entries.Count, () => Rows(entries))}
            <h2>Command</h2><pre>{head.CommandLine}</pre>
            <p class="soft">Espalier {head.Version}. {string.Join(", ", head.Study.Variables.Select(v => $"{v.Key}: {v.Value}"))}</p></article>
            """);
        return Page.Of($"study {head.Study.Name}", body);
    }

    private static Html Section(string title, int count, Func<Html> content) =>
        count == 0 ? Html.Empty : Html.Of($"<section><h2>{title}</h2>{content()}</section>");

    private static Html Means(IReadOnlyList<StudyGroup> groups)
    {
        var columns = s_columns.Where(c => groups.Any(g => g.Mean(c.Column) is not null)).ToList();
        return Html.Of($"""
            {Tables.Draw("Means over seeds", ["row", "seeds", .. columns.Select(c => c.Heading)], groups.Select(g => (string[])[Name(g.First, groups.Select(o => o.First)), $"{g.Seeds}", .. columns.Select(c => Cell(g, c.Column, c.Write))]))}
            <p class="soft">± is the standard deviation over seeds. Shares are of the given model's. "Held out" are training images that were not drawn.</p>
            """);
    }

    private static Html Choices(IReadOnlyList<StudyChoice> choices, IReadOnlyCollection<string> per) => Html.Of($"""
        {Tables.Draw("Learning rates", ["for", "learning rate", "KL of each, on training images that were not drawn"], choices.Select(c => (string[])
            [For(c, per), Rate(c.LearningRate),
             string.Join(", ", c.Candidates.Select(k => $"{Rate(k.LearningRate)}: {(k.HeldOutKl is { } kl ? Metric(kl) : k.Error is null ? "–" : "failed")}"))]))}
        <p class="soft">Chosen without evaluation images, with a seed of its own, among the same rates for every method.</p>
        """);

    private static Html Rows(IReadOnlyList<StudyEntry> entries) => Tables.Draw("Rows", ["row", "seed", "learning rate", "MACs (budget)", "top-1", "KL, held out", "run"],
        entries.Select(e => (string[])
        [
            Name(e.Row, entries.Select(o => o.Row)), $"{e.Row.Seed}", Rate(e.Row.LearningRate), Count(e.Report?.MacsBudgetAfter), Percent(Top1(e)), e.Report?.HeldOutKl is { } kl ? Metric(kl) : "–",
            e.Error ?? (e.Status == StudyStatus.Pending ? "still to be run" : e.Run ?? e.ThenRun ?? ""),
        ]));

    private static double? Top1(StudyEntry entry)
    {
        var numbers = StudyNumbers.Of(entry).ToDictionary(n => n.Column, n => n.Value);
        return numbers.TryGetValue("then_top1", out var then) ? then : numbers.TryGetValue("top1", out var top1) ? top1 : null;
    }

    /// <summary>A row in words, the model among them where rows have several.</summary>
    internal static string Name(StudyRow row, IEnumerable<StudyRow> all) => Words(
        all.Select(r => r.Model).Distinct().Count() > 1 ? ModelName(row.Model) : null, row.Method, row.Switch, row.Target?.TrimStart('-'), Number(row.Images));

    internal static string ModelName(string model) => Path.GetFileName(Path.TrimEndingDirectorySeparator(model));

    internal static string Words(params IEnumerable<string?> parts) => string.Join(", ", parts.Where(s => !string.IsNullOrEmpty(s)));

    internal static string? Number(int? images) => images is { } n ? $"{n} images" : null;

    // By the axes along which choices differ; on others the first value stands for all.
    private static string For(StudyChoice c, IReadOnlyCollection<string> per) => Words(
        per.Contains("model") ? ModelName(c.Model) : null, per.Contains("method") ? c.Method : null, per.Contains("switch") ? c.Switch : null,
        per.Contains("target") ? c.Target?.TrimStart('-') : null, per.Contains("images") ? Number(c.Images) : null);

    private static string Cell(StudyGroup group, string column, Func<double, string> write) => group.Mean(column) is not { } mean ? "–"
        : group.Seeds > 1 && group.Deviation(column) is > 0 and var deviation && column != "seconds" ? $"{write(mean)} ± {write(deviation)}" : write(mean);

    private static string Rate(double? rate) => rate?.ToString("0.##E+0", CultureInfo.InvariantCulture) ?? "–";

    private static string Share(double value) => Percent(value);

    private static string Points(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);

    private static string Factor(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
