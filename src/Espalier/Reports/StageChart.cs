using System.Text.Json.Nodes;

namespace Espalier.Reports;

/// <summary>A measure of the network from block to block, one line for each kind of stage.</summary>
internal static class StageChart
{
    /// <summary>The chart.</summary>
    /// <param name="title">What it shows, in words.</param>
    /// <param name="y">The measure.</param>
    /// <param name="points">Stages in order; the label is the block.</param>
    internal static Html Draw(string title, ChartAxis y, IReadOnlyList<ChartPoint> points)
    {
        points = [.. points.Where(p => p.IsFinite)];
        if (points.Count == 0) return Html.Empty;
        var spec = JsonNode.Parse("""
            { "height": 180, "mark": { "type": "line", "point": { "filled": true, "size": 50 } },
              "encoding": { "x": { "field": "label", "type": "nominal", "sort": null, "scale": { "type": "point", "padding": 0.5 },
                "axis": { "title": "block, in the order of compression", "labelAngle": 0 } } } }
            """)!;
        var encoding = spec["encoding"]!;
        (encoding["y"], encoding["tooltip"]) = (y.Encode("y"), ChartPoint.Tooltip(points));
        // What came of it in colour, what it cost on the way in grey.
        encoding["color"] = ChartPoint.BySeries([.. points.Reverse()]);
        encoding["color"]!["scale"]!["range"] = new JsonArray("var(--leaf)", "var(--bough)", "var(--soft)");
        return new Chart(title, spec, [.. points.Select(p => p.ToJson())], Table: null).Draw();
    }
}
