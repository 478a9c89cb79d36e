using static Espalier.Reports.ReportNumbers;

namespace Espalier.Reports;

/// <summary>The charts that show a run: which numbers of its report go where.</summary>
internal static class RunCharts
{
    /// <summary>The models of a family, quality against cost.</summary>
    internal static Html Family(RunReport r) => Frontier("Frontier of the family", [r], label: false);

    /// <summary>Several runs, quality against cost; nothing when they were not measured alike.</summary>
    internal static Html Comparison(IReadOnlyList<RunReport> reports) => Frontier("Frontier of the runs", reports, label: reports.Count <= 8);

    /// <summary>The network on its way: what it lost with each cut, and got back. Two or three stages are no story but a table.</summary>
    internal static Html Stages(RunReport r) => r.Stages.Select(s => s.Block).OfType<int>().Distinct().Count() < 2 ? Html.Empty : Html.Of($"""
        <div class="multiples">{Stage(r, "Metric loss after every stage", new ChartAxis("metric loss"), s => s.Metric)}
        {Stage(r, "Agreement with the given model after every stage", new ChartAxis("agreement", "%"), s => s.HeldOutAgreement)}
        {Stage(r, "Top-1 after every stage", new ChartAxis("top-1", "%"), s => s.Top1)}</div>
        """);

    /// <summary>Rounds of a structure search.</summary>
    internal static Html Rounds(RunReport r)
    {
        if (r.Search is [var only]) return Html.Of($"<p>One round, KL {Metric(only.Kl)} on images nothing was fitted to.</p>");
        var takeTurns = r.Search.Any(s => s.Fold > 0);
        return LineChart.Draw("KL on images nothing was fitted to, round by round", new ChartAxis("round", "d"), new ChartAxis("KL"),
        [.. r.Search.Select(s => new ChartPoint(takeTurns ? $"judged by part {s.Fold + 1} of the images" : "", s.Round, s.Kl)
        {
            Facts = [("round", $"{s.Round}"), ("KL", Metric(s.Kl)), ("widths changed", $"{s.Moves}")],
        })],
        takeTurns ? "Of the rounds that the first part judged, that with the least KL was taken." : "The round with the least KL was taken.");
    }

    /// <summary>A search that decides while it trains: expected cost, decisions, λ and γ, then all widths.</summary>
    internal static Html History(ReportHistory history)
    {
        var count = (double)history.Submodules.Length;
        (string Name, Func<ReportMoment, double> Value)[] lines =
            [("expected cost ÷ target", m => m.Cost), ("share decided", m => m.Decided / count), ("λ", m => m.Lambda), ("γ", m => m.Gamma)];
        var points = lines.SelectMany(line => history.Moments.Select(m => new ChartPoint(line.Name, m.Step, line.Value(m))
        {
            Facts = [("step", Count(m.Step)), ("what", line.Name), ("value", Metric(line.Value(m)))],
        }));
        return Html.Of($"""
            {LineChart.Draw("Expected cost, decisions, λ and γ over the search", new ChartAxis("step", "~s"), new ChartAxis("share") { FromZero = true }, [.. points])}
            <h3>Widths over time</h3>{WidthsChart.Draw(history)}
            """);
    }

    private static Html Stage(RunReport r, string title, ChartAxis axis, Func<ReportStage, double?> value)
    {
        string Write(double v) => axis.Format == "%" ? Percent(v) : Metric(v);
        var points = r.Stages.Where(s => s.Block is not null && value(s) is not null).Select((s, i) => new ChartPoint(s.Stage, i, value(s)!.Value)
        {
            Label = $"{s.Block}",
            Facts = [("stage", $"{s.Stage}, block {s.Block}"), (axis.Title, Write(value(s)!.Value)), ("MACs (budget)", Count(s.MacsBudget))],
        }).ToList();
        return points.Count == 0 ? Html.Empty : StageChart.Draw(title, axis, points);
    }

    private static Html Frontier(string title, IReadOnlyList<RunReport> reports, bool label)
    {
        var models = reports.SelectMany(r => FrontierModel.Of(r, label)).ToList();
        // The first measure that every model has; accuracy is worth most.
        (ChartAxis Axis, Func<FrontierModel, double?> Value)[] measures =
        [
            (new("top-1", "%"), m => m.Top1), (new("agreement with the given model", "%"), m => m.Agreement), (new("KL from the given model"), m => m.Kl),
        ];
        if (models.Count < 2 || measures.FirstOrDefault(x => models.All(m => x.Value(m) is not null)) is not { Axis: { } axis } measure) return Html.Empty;
        var level = axis.Title == "top-1" && reports.Select(r => r.Top1Before).Distinct().ToList() is [{ } top1] ? top1 : (double?)null;
        IReadOnlyList<ChartPoint> points = [.. models.Select(m => new ChartPoint(m.Series, m.MacsBudget, measure.Value(m)!.Value) 
        {
            Label = m.Label, IsJoined = m.IsOfFamily, Facts = m.Facts,
        })];
        return ScatterChart.Draw(title, new ChartAxis("MACs (budget)", "~s"), axis, points, level,
            level is { } given ? $"Dashed: the given model, {Percent(given)}." : null, reports.Count == 1 ? null : ChartPoint.Table(title, points));
    }
}
