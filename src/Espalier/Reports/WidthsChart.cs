using System.Text.Json.Nodes;
using static Espalier.Reports.ReportNumbers;

namespace Espalier.Reports;

/// <summary>Widths of many parts over something: the deeper the colour, the more of a part is left.</summary>
internal static class WidthsChart
{
    /// <summary>How wide every submodule was expected to be as a search went on.</summary>
    internal static Html Draw(ReportHistory history) => Draw("Widths over the search", "step", "~s",
        [.. history.Submodules.Select(s => (s.Name, (double)s.Size))], [.. history.Moments.Select(m => ((double)m.Step, (IReadOnlyList<double>)m.Sizes))],
        "Expected width of every part as a share of what it was: the deeper the colour, the more is left.");

    /// <summary>How wide every part of every model of a family is.</summary>
    internal static Html Draw(IReadOnlyList<ReportBlock> before, IReadOnlyList<ReportMember> family)
    {
        (string Name, Func<ReportBlock, int> Size)[] parts = [("q, k", b => b.Heads * b.QkDim), ("v", b => b.Heads * b.VDim), ("MLP", b => b.MlpHidden), ("channels", b => b.Hidden ?? 0)];
        var rows = before.SelectMany(b => parts.Select(p => (Name: $"{b.Index} {p.Name}", b.Index, p.Size, Was: (double)p.Size(b)))).Where(r => r.Was > 0).ToList();
        var members = family.Where(m => m.Structure.Length == before.Count).OrderBy(m => m.Keep).ToList();
        if (members.Count < 2) return Html.Empty;
        return Draw("Widths over the family", "share of the MACs kept", "%", [.. rows.Select(r => (r.Name, r.Was))],
            [.. members.Select(m => (m.Keep, (IReadOnlyList<double>)[.. rows.Select(r => (double)r.Size(m.Structure[r.Index]))]))],
            "Width of every part of every model as a share of what it was: the deeper the colour, the more is left.");
    }

    private static Html Draw(string title, string along, string format, IReadOnlyList<(string Name, double Full)> rows,
        IReadOnlyList<(double At, IReadOnlyList<double> Sizes)> columns, string caption)
    {
        if (rows.Count == 0 || columns.Count < 2) return Html.Empty;
        var spec = JsonNode.Parse($$"""
            {
              "height": {{14 * rows.Count}},
              "mark": { "type": "rect", "color": "var(--leaf)" },
              "encoding": {
                "y": { "field": "n", "type": "nominal", "sort": null, "scale": { "padding": 0.08 }, "axis": { "title": null, "labelFontSize": 10.5, "labelOverlap": false } },
                "x": { "field": "a", "type": "quantitative", "scale": { "zero": false, "nice": false }, "axis": { "title": "{{along}}", "format": "{{format}}", "tickCount": 6 } },
                "x2": { "field": "b" },
                "opacity": { "field": "s", "type": "quantitative", "scale": { "domain": [0, 1], "range": [0.04, 1] }, "legend": null },
                "tooltip": [{ "field": "n", "title": "part" }, { "field": "w", "title": "width" }, { "field": "s", "title": "left", "format": ".0%" }]
              }
            }
            """)!;
        var cells = rows.SelectMany((row, k) => Cells(row, columns, k));
        var table = Tables.Draw(title, [along, .. rows.Select(r => r.Name)],
            columns.Where((_, i) => i % ((columns.Count + 11) / 12) == 0 || i == columns.Count - 1)
                .Select(c => (string[])[format == "%" ? Percent(c.At) : Count((long)c.At), .. c.Sizes.Select(s => FormattableString.Invariant($"{s:0.#}"))]));
        return new Chart(title, spec, [.. cells], table) { Caption = caption }.Draw();
    }

    // One cell for as long as a width stays the same to a hundredth.
    private static IEnumerable<JsonNode> Cells((string Name, double Full) row, IReadOnlyList<(double At, IReadOnlyList<double> Sizes)> columns, int k)
    {
        for (int i = 0, next; i < columns.Count; i = next)
        {
            var share = Math.Round(columns[i].Sizes[k] / row.Full, 2);
            for (next = i + 1; next < columns.Count && Math.Round(columns[next].Sizes[k] / row.Full, 2) == share;) next++;
            yield return new JsonObject
            {
                ["n"] = row.Name, ["a"] = Chart.Round(Edge(i)), ["b"] = Chart.Round(Edge(next)), ["s"] = share, ["w"] = FormattableString.Invariant($"{columns[i].Sizes[k]:0.#} of {row.Full:0}"),
            };
        }

        double Edge(int i) => i == 0 ? columns[0].At : i == columns.Count ? columns[^1].At + (columns[^1].At - columns[^2].At) / 2 : (columns[i - 1].At + columns[i].At) / 2;
    }
}
