using System.Text.Json.Nodes;

namespace Espalier.Reports;

/// <summary>A picture of the network: what every block had, and in colour what it still has. Heads are boxes of their own.</summary>
internal static class StructureChart
{
    // A column is one wide, the rest of it the gap to the next.
    private const double Filled = 0.92, BetweenHeads = 0.12;
    private const string Caption = "Grey is what was cut, green what is left", Heads = "; every box of q, k and v is a head";

    /// <summary>The picture, and the table of widths; the table alone when the report does not tell what was before.</summary>
    internal static Html Draw(RunReport r)
    {
        var table = Table(r);
        if (r.StructureBefore.Length != r.Structure.Length) return table;
        var merges = r.Tokens is not null && r.Structure.Any(b => b.TokensMerged > 0);
        var convolves = r.Structure.Any(b => b.Hidden is not null);
        string[] parts = convolves ? ["inner channels"] : merges ? ["q, k", "v", "MLP", "tokens"] : ["q, k", "v", "MLP"];
        var columns = parts.Length;
        List<Box> boxes = [];
        if (r.EmbedDim is { } width && r.EmbedDimBefore is { } widest && width != widest)
            boxes.AddRange(Boxes("width", "residual width", 0, (columns - 1 + Filled) / Filled, 1, 1, widest, width, $"{widest}", $"{width}"));
        foreach (var (was, now) in r.StructureBefore.Zip(r.Structure)) boxes.AddRange(Block(was, now));
        if (merges) boxes.AddRange(Tokens(r.Tokens!.Value, r.Structure));
        if (boxes.Count == 0) return table;
        var spec = JsonNode.Parse($$"""
            {
              "height": {{22 * boxes.Select(b => b.Row).Distinct().Count()}},
              "mark": { "type": "rect", "cornerRadius": 1 },
              "encoding": {
                "y": { "field": "row", "type": "nominal", "sort": null, "scale": { "paddingInner": 0.3, "paddingOuter": 0.1 }, "axis": { "title": null, "labelOverlap": false } },
                "x": { "field": "from", "type": "quantitative", "scale": { "domain": [0, {{JsonValue.Create(columns - 1 + Filled).ToJsonString()}}], "nice": false },
                  "axis": { "orient": "top", "title": null, "domain": false, "values": [{{string.Join(", ", Enumerable.Range(0, columns))}}], "labelAlign": "left", "labelOverlap": false, "labelBound": false,
                    "labelExpr": "[{{string.Join(", ", parts.Select(p => $"'{p}'"))}}][datum.value]" } },
                "x2": { "field": "to" },
                "color": { "condition": { "test": "datum.left", "value": "var(--leaf)" }, "value": "var(--gone)" },
                "tooltip": [{ "field": "row", "title": "block" }, { "field": "part", "title": "part" }, { "field": "was", "title": "before" }, { "field": "now", "title": "after" }]
              }
            }
            """)!;
        return new Chart("What is left of every block", spec, [.. boxes.Select(b => b.ToJson())], table) { Caption = $"{Caption}{(convolves ? "" : Heads)}." }.Draw();
    }

    private static IEnumerable<Box> Block(ReportBlock was, ReportBlock now)
    {
        var row = $"block {was.Index}";
        if (was.Hidden is { } channels) return Boxes(row, "inner channels", 0, 1, 1, 1, channels, now.Hidden ?? 0, $"{channels}", $"{now.Hidden ?? 0}");
        string Heads(int heads, int dim) => heads == 0 ? "none" : $"{heads} × {dim}";
        return
        [
            .. Boxes(row, "q, k", 0, 1, was.Heads, now.Heads, was.QkDim, now.QkDim, Heads(was.Heads, was.QkDim), Heads(now.Heads, now.QkDim)),
            .. Boxes(row, "v", 1, 1, was.Heads, now.Heads, was.VDim, now.VDim, Heads(was.Heads, was.VDim), Heads(now.Heads, now.VDim)),
            .. Boxes(row, "MLP", 2, 1, 1, 1, was.MlpHidden, now.MlpHidden, $"{was.MlpHidden}", now.MlpHidden == 0 ? "none" : $"{now.MlpHidden}"),
        ];
    }

    // What a block's MLP works on: merging happens before it.
    private static IEnumerable<Box> Tokens(int tokens, IReadOnlyList<ReportBlock> blocks)
    {
        var left = tokens;
        foreach (var block in blocks)
        {
            left -= block.TokensMerged ?? 0;
            foreach (var box in Boxes($"block {block.Index}", "tokens", 3, 1, 1, 1, tokens, left, $"{tokens}", $"{left}")) yield return box;
        }
    }

    private static IEnumerable<Box> Boxes(string row, string part, int column, double wide, int heads, int headsLeft, int dim, int dimLeft, string was, string now)
    {
        if (dim == 0) yield break;
        var one = wide * Filled / heads;
        for (var h = 0; h < heads; h++)
        {
            var (from, width) = (column + h * one, heads > 1 ? one * (1 - BetweenHeads) : one);
            yield return new(row, part, from, from + width, false, was, now);
            if (h < headsLeft && dimLeft > 0) yield return new(row, part, from, from + width * Math.Min(1, (double)dimLeft / dim), true, was, now);
        }
    }

    private static Html Table(RunReport r)
    {
        var before = r.StructureBefore.Length == r.Structure.Length ? r.StructureBefore : r.Structure;
        string Change(int was, int now) => was == now ? $"{now}" : $"{was} → {now}";
        if (r.Structure.Any(b => b.Hidden is not null))
            return Tables.Draw("Widths of every block", ["block", "kind", "inner channels"],
                before.Zip(r.Structure, (was, now) => (string[])[$"{now.Index}", now.Kind, Change(was.Hidden ?? 0, now.Hidden ?? 0)]));
        var rows = before.Zip(r.Structure, (was, now) => (string[])
            [$"{now.Index}", now.Kind, Change(was.Heads, now.Heads), Change(was.QkDim, now.QkDim), Change(was.VDim, now.VDim), Change(was.MlpHidden, now.MlpHidden), $"{now.TokensMerged ?? 0}"]);
        var table = Tables.Draw("Widths of every block", ["block", "kind", "heads", "q/k per head", "v per head", "MLP hidden", "tokens merged"], rows);
        return r.EmbedDim is { } width ? Html.Of($"<p>Residual width {Change(r.EmbedDimBefore ?? width, width)}.</p>{table}") : table;
    }

    private sealed record Box(string Row, string Part, double From, double To, bool Left, string Was, string Now)
    {
        internal JsonNode ToJson() => new JsonObject
        {
            ["row"] = Row, ["part"] = Part, ["from"] = Chart.Round(From), ["to"] = Chart.Round(To), ["left"] = Left, ["was"] = Was, ["now"] = Now,
        };
    }
}
