using Espalier.Models.Formats;

namespace Espalier.Reports;

/// <summary>Writes <c>report.json</c> and <c>report.html</c> of a run.</summary>
public static class ReportFiles
{
    /// <summary>Writes both files into <paramref name="folder"/>.</summary>
    public static void Write(RunReport report, string folder)
    {
        // The page first: whoever finds report.json takes the run for done.
        AtomicFile.WriteText(Path.Combine(folder, "report.html"), ReportHtml.Build([(report, folder)]));
        AtomicFile.WriteText(Path.Combine(folder, "report.json"), report.ToJson());
    }

    /// <summary>Builds one page from the <c>report.json</c> of one or more run folders and writes it to <paramref name="path"/>.</summary>
    public static IReadOnlyList<RunReport> Rebuild(IReadOnlyList<string> folders, string path)
    {
        var reports = folders.Select(folder => (Report: RunReport.Load(folder), Folder: folder)).ToList();
        AtomicFile.WriteText(path, ReportHtml.Build(reports));
        return [.. reports.Select(r => r.Report)];
    }
}
