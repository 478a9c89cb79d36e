using System.Text.Json;
using System.Text.Json.Nodes;

namespace Espalier.Reports;

/// <summary>
/// A chart on a page: a Vega-Lite spec that the page's script draws, and the same numbers as a table, which is what shows without it. Whatever a
/// user typed is data of the spec, never part of its expressions.
/// </summary>
/// <param name="Title">What it shows, in words; read out in place of the picture.</param>
/// <param name="Spec">A Vega-Lite spec without data.</param>
/// <param name="Values">Its data.</param>
/// <param name="Table">The numbers behind it; null when a table with them stands open on the page.</param>
internal sealed record Chart(string Title, JsonNode Spec, JsonArray Values, Html? Table)
{
    /// <summary>A sentence under the chart on how to read it.</summary>
    public string? Caption { get; init; }

    /// <summary>Whether there is a chart in some markup.</summary>
    internal static bool IsIn(Html html) => html.Text.Contains("<figure class=\"chart\">", StringComparison.Ordinal);

    /// <summary>A number as short as a picture needs it.</summary>
    internal static double Round(double value) => double.Parse(value.ToString("G6", System.Globalization.CultureInfo.InvariantCulture), System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The chart as markup.</summary>
    internal Html Draw()
    {
        var spec = Spec.DeepClone().AsObject();
        spec["description"] = Title;
        spec["width"] = "container";
        spec["data"] = new JsonObject { ["values"] = Values.DeepClone() };
        // The serializer writes <, > and & as \u003C and so on: no text can end the element it stands in.
        return Html.Of($"""
            <figure class="chart"><div class="plot"></div><script type="application/json">{new Html(spec.ToJsonString(JsonSerializerOptions.Default))}</script>
            {(Caption is null ? Html.Empty : Html.Of($"<figcaption>{Caption}</figcaption>"))}
            {(Table is { } table ? Html.Of($"<details open=\"\"><summary>Numbers: {Title}</summary>{table}</details>") : Html.Empty)}</figure>
            """);
    }
}
