using Espalier.Cli.Output;
using Espalier.Models.Formats;
using Espalier.Reports;
using Espalier.Runs;
using Espalier.Studies;

namespace Espalier.Cli.Commands;

/// <summary><c>study</c>: one row after the other in this process; a row that fails is noted and the others go on.</summary>
internal static class StudyHandler
{
    private const string Stage = "study";

    public static StudyResult Run(StudyOptions options, CommandContext context)
    {
        var study = StudyFile.Read(options.File, options.Form, options.Set);
        var rows = study.Rows();
        // A folder that was moved, or made by another, is gone on with where it is.
        var folderOf = context.ResumedFolder ?? options.Output;
        var runner = new StudyRunner(study, rows, folderOf ?? "", context);
        // Everything that is mistyped in the file comes out before the first row runs.
        foreach (var row in rows) runner.Check(row);
        if (options.List) return new StudyResult([.. rows.Select(r => CommandLineText.Of(r.CommandLine))]);
        if (folderOf is not { } output) throw new UsageException("Give a folder for the study: -o DIR (or --list to see its rows).");
        using var folder = Open(output, options.File, context);
        var head = new StudyHead(study, context.CommandLine, EspalierVersion.Text);
        try
        {
            for (var i = 0; i < rows.Length; i++)
            {
                var (row, number) = (rows[i], i + 1);
                if (!runner.Run(row, () => context.Progress.Report(ProgressUpdate.Message(Stage, $"row {number} of {rows.Length}: {Describe(row)}")))) continue;
                if (runner.Error(row) is { } error) context.Progress.Report(ProgressUpdate.Message(Stage, $"row {number} failed: {error}"));
                Write(output, head, runner);
            }
        }
        finally
        {
            Write(output, head, runner);
        }
        var entries = runner.Entries();
        if (entries.Count(e => e.Status == StudyStatus.Failed) is var failed and > 0)
            throw new FailureException($"{failed} of {rows.Length} rows failed: {entries.First(e => e.Status == StudyStatus.Failed).Error} "
                + $"See {Path.Combine(output, "study.csv")}; the same command tries them again.");
        return new StudyResult([]) { Output = output, Rows = rows.Length, Table = [.. entries.Select(StudyTable.Row)], Groups = StudyTable.Groups(entries) };
    }

    private static void Write(string output, StudyHead head, StudyRunner runner)
    {
        var entries = runner.Entries();
        StudyTable.Write(output, head, entries, runner.Choices());
        AtomicFile.WriteText(Path.Combine(output, "report.html"), StudyHtml.Build(head, entries, runner.Choices()));
    }

    // The folder of a study is gone on with: its rows say themselves whether they are done.
    private static RunFolder Open(string output, string file, CommandContext context)
    {
        var earlier = context.ResumedFolder is null && !context.Common.Force && File.Exists(Path.Combine(output, "run.json"))
            && RunFolder.ReadManifest(output).Command == context.Command;
        if (!earlier) return context.OpenRun(output, file);
        context.Invocation.Begin(output);
        return RunFolder.Open(output);
    }

    private static string Describe(StudyRow row) =>
        string.Join(", ", new[] { row.Method, row.Switch, row.Target, row.Images is { } n ? $"{n} images" : null, $"seed {row.Seed}" }.Where(s => !string.IsNullOrEmpty(s)));
}
