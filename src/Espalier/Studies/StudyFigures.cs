using Espalier.Reports;
using static Espalier.Reports.ReportNumbers;

namespace Espalier.Studies;

/// <summary>The figures of a study: those for which its axes and numbers give at least two points.</summary>
internal static class StudyFigures
{
    // Column, words, and how its numbers are written on an axis and in a table. The first that rows have is the quality that figures show.
    private static readonly (string Column, string Words, string Format, Func<double, string> Write)[] s_qualities =
    [
        ("then_top1", "top-1 afterwards", "%", v => Percent(v)), ("top1", "top-1", "%", v => Percent(v)),
        ("held_out_kl", "KL from the given model, on training images that were not drawn", "~g", Metric),
    ];

    internal static Html Draw(IReadOnlyList<StudyGroup> groups, IReadOnlyList<StudyEntry> entries) =>
        Html.Of($"{Frontier(groups)}{Images(groups)}{Rows(groups)}{Speed(groups)}{Selection(entries)}");

    // Quality against MACs, where there are several sizes.
    private static Html Frontier(IReadOnlyList<StudyGroup> groups)
    {
        if (Quality(groups) is not { } quality || !Sizes(groups)) return Html.Empty;
        var points = groups.Where(g => g.Mean("macs_budget_share") is not null && g.Mean(quality.Column) is not null).Select(g =>
            Point(g, groups, quality, Series(g.First, groups, target: false), g.Mean("macs_budget_share")!.Value, [("MACs (budget)", Percent(g.Mean("macs_budget_share")))])).ToList();
        return Scatter($"{quality.Words} against MACs", new ChartAxis("MACs (budget), of the given model", "%"), new ChartAxis(quality.Words, quality.Format), points,
            Level(groups, quality.Column), Spread(groups));
    }

    // Quality against the number of images.
    private static Html Images(IReadOnlyList<StudyGroup> groups)
    {
        if (Quality(groups) is not { } quality || !Numbers(groups)) return Html.Empty;
        var points = groups.Where(g => g.First.Images is not null && g.Mean(quality.Column) is not null).Select(g =>
            Point(g, groups, quality, Series(g.First, groups, images: false), g.First.Images!.Value, [("images", $"{g.First.Images}")])).ToList();
        return Scatter($"{quality.Words} against the number of images", new ChartAxis("images", "~s") { Logarithmic = true }, new ChartAxis(quality.Words, quality.Format), points,
            Level(groups, quality.Column), Spread(groups));
    }

    private static bool Sizes(IReadOnlyList<StudyGroup> groups) => groups.Select(g => g.First.Target).OfType<string>().Distinct().Count() > 1;

    private static bool Numbers(IReadOnlyList<StudyGroup> groups) => groups.Select(g => g.First.Images).OfType<int>().Distinct().Count() > 1;

    // One bar for every switch, or for every row, where there is no axis to put them along.
    private static Html Rows(IReadOnlyList<StudyGroup> groups)
    {
        if (Quality(groups) is not { } quality || (groups.Select(g => g.First.Switch).Distinct().Count() < 2 && (Sizes(groups) || Numbers(groups)))) return Html.Empty;
        var bars = groups.Where(g => g.Mean(quality.Column) is not null).Select((g, i) => (Series(g.First, groups), g.Mean(quality.Column)!.Value, i == 0)).ToList();
        return Titled($"{quality.Words}, row by row", title => BarChart.Draw(title, ("row", quality.Words), bars, "In colour: the first row."));
    }

    // Predicted against measured speed-up, at every batch size.
    private static Html Speed(IReadOnlyList<StudyGroup> groups) => Html.Join(groups.SelectMany(g => g.Numbers).Select(n => n.Column)
        .Where(c => c.StartsWith("latency_", StringComparison.Ordinal) && c.EndsWith("_speedup", StringComparison.Ordinal)).Distinct().Select(column =>
    {
        var points = groups.Where(g => g.Mean(column) is not null && g.Mean("macs_full_share") is > 0).Select(g =>
        {
            var (foretold, measured) = (1 / g.Mean("macs_full_share")!.Value, g.Mean(column)!.Value);
            return new ChartPoint(Series(g.First, groups, target: false), foretold, measured)
            {
                Facts = [("row", StudyHtml.Name(g.First, groups.Select(o => o.First))), ("by MACs (full)", Factor(foretold)), ("measured", Factor(measured)),
                    ("10 to 90 %", $"{Factor(g.Mean(column + "_p10") ?? double.NaN)} to {Factor(g.Mean(column + "_p90") ?? double.NaN)}")],
            };
        }).ToList();
        var batch = column["latency_b".Length..^"_speedup".Length];
        return Scatter($"Speed-up at batch {batch}: measured against foretold", new ChartAxis("by MACs (full)", ".2f"), new ChartAxis("measured", ".2f"), points,
            1, "Dashed: as fast as the given model. Both were run in turn; the median of the pairs.");
    }));

    // Every criterion against the true error, block by block (Fig. 4).
    private static Html Selection(IReadOnlyList<StudyEntry> entries) => Html.Join(entries.Where(e => e.Report is { Ranking.Length: > 1, Stages.IsEmpty: true }).Select(e =>
    {
        var blocks = e.Report!.Ranking.OrderBy(r => r.Index).ToList();
        (string Name, Func<ReportRank, double?> Of)[] criteria =
            [("test error", r => 1 - r.Top1), ("metric loss", r => r.Metric), ("training KL", r => r.TrainingKl), ("training MSE", r => r.TrainingMse)];
        var points = criteria.Where(c => blocks.All(b => c.Of(b) is not null)).SelectMany(c =>
        {
            var (low, high) = (blocks.Min(c.Of)!.Value, blocks.Max(c.Of)!.Value);
            return blocks.Select(b => new ChartPoint(c.Name, b.Index, high > low ? (c.Of(b)!.Value - low) / (high - low) : 0)
            {
                Facts = [("criterion", c.Name), ("block", $"{b.Index}"), ("value", Metric(c.Of(b)!.Value))],
            });
        }).ToList();
        return Titled($"Each block compressed alone: {StudyHtml.Name(e.Row, entries.Select(o => o.Row))}, seed {e.Row.Seed}", title => LineChart.Draw(title, new ChartAxis("block", "d"), new ChartAxis("from the best block (0) to the worst (1)"), points,
            "Every curve is scaled to one range: what counts is the order."));
    }));

    private static ChartPoint Point(StudyGroup g, IReadOnlyList<StudyGroup> groups, (string Column, string Words, string Format, Func<double, string> Write) quality, string series, double x, (string, string)[] where)
    {
        var mean = g.Mean(quality.Column)!.Value;
        var deviation = g.Seeds > 1 ? $" ± {quality.Write(g.Deviation(quality.Column)!.Value)}" : "";
        return new ChartPoint(series, x, mean) { IsJoined = true, Facts = [("row", StudyHtml.Name(g.First, groups.Select(o => o.First))), .. where, (quality.Words, quality.Write(mean) + deviation), ("seeds", $"{g.Seeds}")] };
    }

    private static (string Column, string Words, string Format, Func<double, string> Write)? Quality(IReadOnlyList<StudyGroup> groups)
    {
        foreach (var quality in s_qualities)
            if (groups.Count(g => g.Mean(quality.Column) is not null) > 1) return quality;
        return null;
    }

    // The given model, where every row came from the same one.
    private static double? Level(IReadOnlyList<StudyGroup> groups, string column) =>
        column == "top1" && groups.Select(g => g.First.Model).Distinct().Count() == 1 && groups.Select(g => g.Mean("top1_before")).FirstOrDefault(v => v is not null) is { } before
            ? before : null;

    private static string Spread(IReadOnlyList<StudyGroup> groups) =>
        "Dashed: the given model, where it was measured." + (groups.Any(g => g.Seeds > 1) ? " Points are means over seeds, ± their standard deviation." : "");

    private static Html Scatter(string title, ChartAxis x, ChartAxis y, List<ChartPoint> points, double? level, string caption) =>
        points.Count == 0 ? Html.Empty : Titled(title, _ => ScatterChart.Draw(title, x, y, points, level, caption, ChartPoint.Table(title, points)));

    private static Html Titled(string title, Func<string, Html> figure) => Html.Of($"<h2>{char.ToUpperInvariant(title[0]) + title[1..]}</h2>{figure(title)}");

    // What tells a row from the others, but for what stands along the axis.
    private static string Series(StudyRow row, IReadOnlyList<StudyGroup> groups, bool target = true, bool images = true)
    {
        bool Varies(Func<StudyRow, object?> of) => groups.Select(g => of(g.First)).Distinct().Count() > 1;
        return StudyHtml.Words(
            row.Method, row.Switch, Varies(r => r.Model) ? StudyHtml.ModelName(row.Model) : null, target && Varies(r => r.Target) ? row.Target?.TrimStart('-') : null,
            images && Varies(r => r.Images) ? StudyHtml.Number(row.Images) : null);
    }

    private static string Factor(double value) => value.ToString("0.00", System.Globalization.CultureInfo.InvariantCulture);
}
