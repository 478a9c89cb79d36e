using Espalier.Models.Formats;
using static Espalier.Reports.ReportNumbers;

namespace Espalier.Reports;

/// <summary>Draws <c>report.html</c>: one page, self-contained, from the reports of one or more runs.</summary>
public static class ReportHtml
{
    /// <summary>The page's text.</summary>
    /// <param name="sources">One or more runs, each with the folder its pictures lie in; several are compared first.</param>
    public static string Build(IReadOnlyList<(RunReport Report, string Folder)> sources)
    {
        List<RunReport> reports = [.. sources.Select(s => s.Report)];
        var runs = sources.Select((s, i) => Run(s.Report, i + 1, name => ReadPicture(s.Folder, name)));
        if (reports.Count == 1) return Page.Of($"{reports[0].Command} {Name(reports[0])}", Html.Join(runs));
        return Page.Of($"{reports.Count} runs compared", Html.Of($"""
            <p class="kicker">Espalier report</p><h1>{reports.Count} runs compared</h1>
            {ReportTables.Comparison(reports)}
            {Section("Frontier", 1, () => RunCharts.Comparison(reports))}
            <nav aria-label="Runs"><ol class="soft">{Html.Join(reports.Select((r, i) => Html.Of($"<li><a href=\"#run-{i + 1}\">{LastName(r.Output)}</a></li>")))}</ol></nav>
            <div class="runs">{Html.Join(runs)}</div>
            """));
    }

    private static ReadOnlySpan<byte> PngSignature => [0x89, (byte)'P', (byte)'N', (byte)'G'];

    /// <summary>
    /// Reads a picture from inside <paramref name="folder"/>; null when it is missing, lies outside, or is no picture: a link in a folder that came from
    /// elsewhere must not put somebody's file into a page that is passed on.
    /// </summary>
    private static byte[]? ReadPicture(string folder, string name)
    {
        if (name.Contains('\0')) return null;
        var path = Path.GetFullPath(Path.Combine(folder, name));
        if (!path.StartsWith(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + Path.DirectorySeparatorChar, StringComparison.Ordinal) || !File.Exists(path)) return null;
        var bytes = SmallFile.ReadBytes(path);
        return bytes.AsSpan().StartsWith(PngSignature) ? bytes : null;
    }

    private static string Name(RunReport report) => report.Architecture ?? report.Model;

    private static Html Run(RunReport report, int number, Func<string, byte[]?> readPicture) => Html.Of($"""
        <article id="run-{number}"><header><p class="kicker">Espalier {report.Command}</p><h1>{Name(report)}</h1>
        <p class="soft">{string.Join(" · ", new[] { report.Method, report.Profile, report.Target, $"took {Time(report.Seconds)}", report.Output }.Where(s => !string.IsNullOrEmpty(s)))}</p></header>
        {ReportSummary.Draw(report)}
        {ReportTables.Headline(report)}
        {Html.Join(report.Notes.Select(note => Html.Of($"<p class=\"note\">{note}</p>")))}
        {Section("What was cut where", report.Structure.Length, () => StructureChart.Draw(report))}
        {Section("Frontier", report.Family.Length, () => Html.Of($"{RunCharts.Family(report)}{ReportTables.Family(report)}{Widths(report)}"))}
        {Section("Stages", report.Stages.Length, () => Html.Of($"{RunCharts.Stages(report)}{ReportTables.Stages(report)}"))}
        {Section("Recoverability of each block", report.Ranking.Length, () => BarChart.Draw(report.Ranking, report.Order))}
        {Section("Structure search", report.Search.Length, () => RunCharts.Rounds(report))}
        {Section("Search", report.History?.Moments.Length ?? 0, () => RunCharts.History(report.History!))}
        {Section("Loss", report.Losses.Length, () => LineChart.Draw(report.Losses))}
        {Section("Synthetic metric set", report.Pictures.Length, () => Pictures(report, readPicture))}
        {Section("Where the time went", report.Phases.Length, () => ReportTables.Phases(report))}
        {Reproduction.Draw(report)}</article>
        """);

    private static Html Section(string title, int count, Func<Html> content) =>
        count > 0 && content() is { Text.Length: > 0 } inside ? Html.Of($"<section><h2>{title}</h2>{inside}</section>") : Html.Empty;

    private static Html Widths(RunReport report) =>
        WidthsChart.Draw(report.StructureBefore, report.Family) is { Text.Length: > 0 } chart ? Html.Of($"<h3>What every size still has</h3>{chart}") : Html.Empty;

    private static Html Pictures(RunReport report, Func<string, byte[]?> readPicture) => Html.Of($"""
        <div class="pictures">{Html.Join(report.Pictures.Select(name => readPicture(name) is { } png
            ? Html.Of($"<img alt=\"Synthetic image {Path.GetFileNameWithoutExtension(name)}\" src=\"data:image/png;base64,{Convert.ToBase64String(png)}\"/>")
            : Html.Empty))}</div><p class="soft">Made from the given model alone; recoverability is measured on them.</p>
        """);
}
