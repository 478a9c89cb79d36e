namespace Espalier.Reports;

/// <summary>A page that is one file: looks, charts and what draws them are inside, nothing is loaded.</summary>
internal static class Page
{
    /// <summary>The page's text.</summary>
    /// <param name="title">Of the window.</param>
    /// <param name="body">What is in it; when there are charts, what draws them comes along once.</param>
    internal static string Of(string title, Html body) => Html.Of($"""
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
        <title>{title} – Espalier</title><style>{new Html(Assets.Style)}</style></head>
        <body><main>{body}</main>{(Chart.IsIn(body) ? Drawing() : Html.Empty)}</body></html>

        """).Text;

    private static Html Drawing() => Assets.Vega is not { } vega
        ? Html.Of($"<footer class=\"soft\">Espalier was built without Vega-Lite, so there are tables in place of charts; eng/setup.sh charts, then espalier report, draws them.</footer>")
        : Html.Of($"""
            <footer class="soft">Charts: Vega, Vega-Lite and Vega-Embed, © University of Washington Interactive Data Lab, BSD-3-Clause; D3, © Mike Bostock, ISC.</footer>
            <script type="application/octet-stream" id="vega">{new Html(vega)}</script>
            <script>{new Html(Assets.Script)}</script>
            """);
}
