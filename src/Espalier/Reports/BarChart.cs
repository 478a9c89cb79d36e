namespace Espalier.Reports;

/// <summary>Horizontal bars, one per candidate block, the chosen ones in colour. Drawn for phone width; wider screens scale it.</summary>
internal static class BarChart
{
    private const int Width = 360, Row = 20, Left = 64, Right = 64;

    internal static Html Draw(IReadOnlyList<ReportRank> ranking, IReadOnlyCollection<int> chosen)
    {
        var finite = ranking.Where(r => double.IsFinite(r.Metric)).ToList();
        var longest = finite.Count > 0 ? Math.Max(finite.Max(r => r.Metric), double.Epsilon) : 1;
        var rows = ranking.Select((r, row) =>
        {
            var length = double.IsFinite(r.Metric) ? Math.Clamp(r.Metric / longest, 0, 1) * (Width - Left - Right) : 0;
            var y = row * Row;
            var kind = chosen.Contains(r.Index) ? "bar chosen" : "bar";
            return Html.Of($"""
                <text x="{Left - 6}" y="{y + 14}" text-anchor="end">block {r.Index}</text><rect class="{kind}" x="{Left}" y="{y + 3}" width="{length:0.##}" height="{Row - 6}" rx="2"/><text x="{Left + length + 6:0.##}" y="{y + 14}">{ReportNumbers.Metric(r.Metric)}</text>
                """);
        });
        return Html.Of($"""<svg viewBox="0 0 {Width} {ranking.Count * Row}" role="img" aria-label="Recoverability of each block">{Html.Join(rows)}</svg>""");
    }
}
