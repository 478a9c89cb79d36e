using System.Text.Json.Nodes;

namespace Espalier.Reports;

/// <summary>A point of a line or scatter chart.</summary>
/// <param name="Series">Whose it is.</param>
/// <param name="X">Where.</param>
/// <param name="Y">Where.</param>
internal sealed record ChartPoint(string Series, double X, double Y)
{
    /// <summary>Words beside the point; null for none.</summary>
    public string? Label { get; init; }

    /// <summary>Whether a line joins it with the others of its series.</summary>
    public bool IsJoined { get; init; }

    /// <summary>What its tooltip and its row of the table say, in the same order for every point of a chart.</summary>
    public IReadOnlyList<(string Name, string Value)> Facts { get; init; } = [];

    internal bool IsFinite => double.IsFinite(X) && double.IsFinite(Y);

    internal JsonObject ToJson()
    {
        var json = new JsonObject { ["series"] = Series, ["x"] = Chart.Round(X), ["y"] = Chart.Round(Y) };
        if (Label is not null) json["label"] = Label;
        if (IsJoined) json["joined"] = true;
        for (var k = 0; k < Facts.Count; k++) json[$"f{k}"] = Facts[k].Value;
        return json;
    }

    /// <summary>A channel that tells series apart, in the order in which they came.</summary>
    internal static JsonObject BySeries(IReadOnlyList<ChartPoint> points) => new()
    {
        ["field"] = "series", ["type"] = "nominal",
        ["scale"] = new JsonObject { ["domain"] = new JsonArray([.. points.Select(p => p.Series).Distinct().Select(s => (JsonNode)s)]) },
    };

    /// <summary>The tooltip of a chart of such points.</summary>
    internal static JsonArray Tooltip(IReadOnlyList<ChartPoint> points) =>
        [.. points[0].Facts.Select((fact, k) => new JsonObject { ["field"] = $"f{k}", ["title"] = fact.Name, ["type"] = "nominal" })];

    /// <summary>The table behind a chart of such points, thinned to <paramref name="most"/> rows.</summary>
    internal static Html Table(string title, IReadOnlyList<ChartPoint> points, int most = int.MaxValue)
    {
        var every = (points.Count + most - 1) / Math.Max(1, most);
        return Tables.Draw(title, [.. points[0].Facts.Select(f => f.Name)],
            points.Where((_, i) => every <= 1 || i % every == 0 || i == points.Count - 1).Select(p => p.Facts.Select(f => f.Value).ToArray()));
    }
}

/// <summary>An axis.</summary>
/// <param name="Title">What is along it.</param>
/// <param name="Format">How its numbers are written, as d3 says it: <c>%</c>, <c>~s</c>.</param>
internal sealed record ChartAxis(string Title, string Format = ".3~g")
{
    /// <summary>Whether 0 must be on it.</summary>
    public bool FromZero { get; init; }

    public bool Logarithmic { get; init; }

    internal JsonObject Encode(string field)
    {
        // To a power of ten, a logarithmic axis may grow by half its length.
        var scale = Logarithmic ? new JsonObject { ["type"] = "log", ["nice"] = false } : new JsonObject { ["zero"] = FromZero, ["nice"] = true };
        var axis = new JsonObject { ["title"] = Title, ["format"] = Format, ["tickCount"] = 6 };
        if (Format == "d") axis["tickMinStep"] = 1;
        return new JsonObject { ["field"] = field, ["type"] = "quantitative", ["scale"] = scale, ["axis"] = axis };
    }
}
