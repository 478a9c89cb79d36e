using System.Text.Json.Nodes;
using static Espalier.Reports.ReportNumbers;

namespace Espalier.Reports;

/// <summary>Lines: what something was as something else went on.</summary>
internal static class LineChart
{
    private const int MostPoints = 400, MostRows = 25;

    /// <summary>The loss over the steps of a run; a logarithmic axis when it falls by more than ten times.</summary>
    internal static Html Draw(IReadOnlyList<ReportLoss> losses)
    {
        var points = losses.Select(l => new ChartPoint(l.Stage ?? "", l.Step, l.Loss)
        {
            Facts = [("step", Count(l.Step)), ("loss", Metric(l.Loss)), .. l.Stage is { } stage ? [("stage", stage)] : Array.Empty<(string, string)>()],
        }).Where(p => p.IsFinite).ToList();
        if (points.Count < 2) return Html.Empty;
        var logarithmic = points.Min(p => p.Y) > 0 && points.Max(p => p.Y) > 10 * points.Min(p => p.Y);
        return Draw("Loss over the steps", new ChartAxis("step", "~s"), new ChartAxis(logarithmic ? "loss, logarithmic" : "loss") { Logarithmic = logarithmic }, points,
            isOneStory: true);
    }

    /// <summary>One line for every series.</summary>
    /// <param name="title">What it shows, in words.</param>
    /// <param name="x">Axis along.</param>
    /// <param name="y">Axis up.</param>
    /// <param name="points">Points; those that are no numbers are left out.</param>
    /// <param name="caption">How to read it.</param>
    /// <param name="isOneStory">The series are parts of one line, not rivals.</param>
    internal static Html Draw(string title, ChartAxis x, ChartAxis y, IReadOnlyList<ChartPoint> points, string? caption = null, bool isOneStory = false)
    {
        points = Thin([.. points.Where(p => p.IsFinite)]);
        if (points.Count == 0) return Html.Empty;
        var rivals = !isOneStory && points.Any(p => p.Series != points[0].Series);
        var spec = JsonNode.Parse("""
            { "mark": { "type": "line" }, "encoding": {} }
            """)!;
        // A few points are measurements one by one: they are shown as such.
        if (points.GroupBy(p => p.Series).Max(g => g.Count()) <= 30)
            spec["mark"]!["point"] = new JsonObject { ["filled"] = true, ["size"] = 40 };
        spec["encoding"] = new JsonObject
        {
            ["x"] = x.Encode("x"), ["y"] = y.Encode("y"), ["tooltip"] = ChartPoint.Tooltip(points),
            ["detail"] = new JsonObject { ["field"] = "series", ["type"] = "nominal" },
        };
        if (rivals) (spec["encoding"]!["color"], spec["encoding"]!["strokeDash"]) = (ChartPoint.BySeries(points), ChartPoint.BySeries(points));
        return new Chart(title, spec, [.. points.Select(p => p.ToJson())], ChartPoint.Table(title, points, MostRows)) { Caption = caption }.Draw();
    }

    private static IReadOnlyList<ChartPoint> Thin(IReadOnlyList<ChartPoint> points) => points.Count <= MostPoints ? points
        : [.. points.Where((_, i) => i % ((points.Count + MostPoints - 1) / MostPoints) == 0 || i == points.Count - 1)];
}
