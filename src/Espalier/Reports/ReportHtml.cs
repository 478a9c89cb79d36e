using static Espalier.Reports.ReportNumbers;

namespace Espalier.Reports;

/// <summary>Draws <c>report.html</c>: one page, self-contained, from the reports of one or more runs.</summary>
public static class ReportHtml
{
    /// <summary>The page's text.</summary>
    /// <param name="sources">One or more runs, each with the folder its pictures lie in; with several, a table compares them first.</param>
    public static string Build(IReadOnlyList<(RunReport Report, string Folder)> sources)
    {
        List<RunReport> reports = [.. sources.Select(s => s.Report)];
        var title = reports.Count == 1 ? Title(reports[0]) : $"{reports.Count} runs compared";
        var comparison = reports.Count > 1 ? Html.Of($"<h1>{title}</h1>{ReportTables.Comparison(reports)}") : Html.Empty;
        var runs = Html.Join(sources.Select(s => Run(s.Report, name => ReadPicture(s.Folder, name))));
        return Html.Of($"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
            <title>{title} – Espalier</title><style>{new Html(ReportStyle.Css)}</style></head>
            <body>{comparison}{runs}</body></html>

            """).Text;
    }

    /// <summary>Reads a picture from inside <paramref name="folder"/>; null when it is missing or lies outside.</summary>
    private static byte[]? ReadPicture(string folder, string name)
    {
        var path = Path.GetFullPath(Path.Combine(folder, name));
        return path.StartsWith(Path.GetFullPath(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal) && File.Exists(path)
            ? File.ReadAllBytes(path)
            : null;
    }

    private static string Title(RunReport report) => $"{report.Command} {report.Architecture ?? report.Model}";

    private static Html Run(RunReport report, Func<string, byte[]?> readPicture) => Html.Of($"""
        <article><h1>{Title(report)}</h1>
        <p class="soft">{string.Join(" · ", new[] { report.Method, report.Profile, report.Target, $"took {Time(report.Seconds)}" }.Where(s => !string.IsNullOrEmpty(s)))}</p>
        {ReportTables.Headline(report)}
        {Notes(report)}
        {Section("Family", report.Family.Length, () => ReportTables.Family(report))}
        {Section("Stages", report.Stages.Length, () => ReportTables.Stages(report))}
        {Section("Recoverability of each block", report.Ranking.Length, () => Ranking(report))}
        {Section("Structure search", report.Search.Length, () => ReportTables.Search(report))}
        {Section("Structure", report.Structure.Length, () => ReportTables.Structure(report))}
        {Section("Loss", report.Losses.Length, () => Html.Of($"<figure>{LineChart.Draw(report.Losses)}</figure>"))}
        {Section("Where the time went", report.Phases.Length, () => ReportTables.Phases(report))}
        {Section("Synthetic metric set", report.Pictures.Length, () => Pictures(report, readPicture))}
        <h2>Command</h2><pre>{report.CommandLine}</pre>
        {(report.RepeatCommandLine is { } repeat ? Html.Of($"<p class=\"soft\">The same run again, step for step:</p><pre>{repeat}</pre>") : Html.Empty)}
        {ReportTables.Circumstances(report)}</article>
        """);

    private static Html Section(string title, int count, Func<Html> content) =>
        count == 0 ? Html.Empty : Html.Of($"<section><h2>{title}</h2>{content()}</section>");

    private static Html Notes(RunReport report) => Html.Join(report.Notes.Select(note => Html.Of($"<p>{note}</p>")));

    private static Html Ranking(RunReport report) => Html.Of($"""
        <figure>{BarChart.Draw(report.Ranking, report.Order)}<figcaption>Metric loss after compressing this block alone and finetuning; lower is better. In colour: the blocks that were compressed.</figcaption></figure>
        """);

    private static Html Pictures(RunReport report, Func<string, byte[]?> readPicture) => Html.Of($"""
        <div class="pictures">{Html.Join(report.Pictures.Select(name => readPicture(name) is { } png
            ? Html.Of($"<img alt=\"{Path.GetFileNameWithoutExtension(name)}\" src=\"data:image/png;base64,{Convert.ToBase64String(png)}\">")
            : Html.Empty))}</div>
        """);
}
