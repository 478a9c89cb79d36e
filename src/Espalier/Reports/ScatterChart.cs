using System.Text.Json.Nodes;

namespace Espalier.Reports;

/// <summary>Points, each with words of its own: a frontier of quality against cost.</summary>
internal static class ScatterChart
{
    /// <summary>Points of one or more series.</summary>
    /// <param name="title">What it shows, in words.</param>
    /// <param name="x">Axis along.</param>
    /// <param name="y">Axis up.</param>
    /// <param name="points">Points; those that are no numbers are left out.</param>
    /// <param name="level">A level to compare with, drawn dashed.</param>
    /// <param name="caption">How to read it.</param>
    /// <param name="table">The numbers behind it, see <see cref="ChartPoint.Table"/>; null when they stand open on the page.</param>
    internal static Html Draw(string title, ChartAxis x, ChartAxis y, IReadOnlyList<ChartPoint> points, double? level, string? caption, Html? table)
    {
        points = [.. points.Where(p => p.IsFinite)];
        if (points.Count == 0) return Html.Empty;
        var layers = new JsonArray();
        if (points.Any(p => p.IsJoined)) layers.Add(JsonNode.Parse("""
            { "transform": [{ "filter": "datum.joined" }], "mark": { "type": "line", "strokeWidth": 1 }, "encoding": { "order": { "field": "x" } } }
            """));
        var marks = JsonNode.Parse("""{ "mark": { "type": "point", "filled": true, "size": 70, "opacity": 1 } }""")!;
        marks["encoding"] = new JsonObject { ["tooltip"] = ChartPoint.Tooltip(points) };
        layers.Add(marks);
        if (points.Any(p => p.Label is not null)) layers.Add(JsonNode.Parse("""
            { "transform": [{ "filter": "isValid(datum.label)" }], "mark": { "type": "text", "align": "left", "dx": 8, "dy": -8, "limit": 160 },
              "encoding": { "text": { "field": "label", "type": "nominal" }, "color": { "value": "var(--soft)" } } }
            """));
        if (level is { } given) layers.Add(Level(given));
        var encoding = new JsonObject { ["x"] = x.Encode("x"), ["y"] = y.Encode("y") };
        if (points.Any(p => p.Series != points[0].Series))
        {
            encoding["color"] = ChartPoint.BySeries(points);
            marks["encoding"]!["shape"] = ChartPoint.BySeries(points);
        }
        var spec = new JsonObject { ["height"] = 300, ["encoding"] = encoding, ["layer"] = layers };
        return new Chart(title, spec, [.. points.Select(p => p.ToJson())], table) { Caption = caption }.Draw();
    }

    private static JsonObject Level(double y) => new()
    {
        ["data"] = new JsonObject { ["values"] = new JsonArray(new JsonObject { ["y"] = Chart.Round(y) }) },
        ["mark"] = new JsonObject { ["type"] = "rule", ["strokeDash"] = new JsonArray(4, 4) },
        ["encoding"] = new JsonObject { ["x"] = null, ["color"] = null },
    };
}
