using System.Text.Json.Nodes;
using static Espalier.Reports.ReportNumbers;

namespace Espalier.Reports;

/// <summary>Horizontal bars, some of them picked out in colour.</summary>
internal static class BarChart
{
    /// <summary>Recoverability: one bar for every candidate block, the chosen ones in colour.</summary>
    internal static Html Draw(IReadOnlyList<ReportRank> ranking, IReadOnlyCollection<int> chosen) => Draw(
        "Recoverability of each block", ("block", "metric loss"), [.. ranking.Select(r => ($"block {r.Index}", r.Metric, chosen.Contains(r.Index)))],
        "Metric loss after compressing this block alone and finetuning; lower is better. In colour: the blocks that were compressed.");

    /// <summary>One bar after the other, from the top.</summary>
    /// <param name="title">What it shows, in words.</param>
    /// <param name="names">Of a bar and of its length.</param>
    /// <param name="bars">Name, length and whether it is in colour. A length that is no number is written but not drawn.</param>
    /// <param name="caption">How to read it.</param>
    internal static Html Draw(string title, (string Bar, string Length) names, IReadOnlyList<(string Name, double Length, bool Chosen)> bars, string? caption = null)
    {
        if (bars.Count == 0) return Html.Empty;
        var longest = bars.Where(b => double.IsFinite(b.Length)).Select(b => b.Length).DefaultIfEmpty(0).Max();
        // Room for the number behind the longest bar.
        var spec = JsonNode.Parse($$"""
            {
              "height": {{22 * bars.Count}},
              "encoding": {
                "y": { "field": "name", "type": "nominal", "sort": null, "axis": { "title": null, "labelLimit": 140, "labelOverlap": false } },
                "x": { "field": "length", "type": "quantitative", "axis": null, "scale": { "domain": [0, {{System.Text.Json.JsonSerializer.Serialize(longest > 0 ? Chart.Round(1.22 * longest) : 1)}}] } }
              },
              "layer": [
                { "mark": { "type": "bar", "height": 14, "cornerRadiusEnd": 2 },
                  "encoding": { "color": { "condition": { "test": "datum.chosen", "value": "var(--leaf)" }, "value": "var(--bough)" } } },
                { "mark": { "type": "text", "align": "left", "dx": 6 }, "encoding": { "text": { "field": "text", "type": "nominal" } } }
              ]
            }
            """)!;
        var values = bars.Select(b => (JsonNode)new JsonObject
        {
            ["name"] = b.Name, ["length"] = double.IsFinite(b.Length) ? Chart.Round(Math.Max(0, b.Length)) : 0, ["text"] = Metric(b.Length), ["chosen"] = b.Chosen,
        });
        var table = Tables.Draw(title, [names.Bar, names.Length, "chosen"], bars.Select(b => (string[])[b.Name, Metric(b.Length), b.Chosen ? "yes" : ""]));
        return new Chart(title, spec, [.. values], table) { Caption = caption }.Draw();
    }
}
