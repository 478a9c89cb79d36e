using System.Globalization;
using Espalier.Reports;
using Spectre.Console;

namespace Espalier.Cli.Output;

/// <summary>The look all tables share, and numbers as people read them.</summary>
internal static class Tables
{
    // A result is read alone: with a digit more than a report, which is there to compare.
    private const string Digits = "0.00";

    /// <summary>Writes a table: first column left, the others right.</summary>
    public static void WriteTable(this IAnsiConsole console, IReadOnlyList<string> head, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table().Border(TableBorder.Simple);
        for (var i = 0; i < head.Count; i++)
        {
            var column = new TableColumn(new Text(Printable.Line(head[i]))).NoWrap();
            table.AddColumn(i == 0 ? column : column.RightAligned());
        }
        foreach (var row in rows) table.AddRow(row.Select(cell => new Text(Printable.Line(cell))));
        console.Write(table);
    }

    /// <summary>Writes the widths of every block.</summary>
    public static void WriteStructure(this IAnsiConsole console, IReadOnlyCollection<ReportBlock> blocks)
    {
        if (blocks.Any(b => b.Hidden is not null))
        {
            console.WriteTable(["block", "kind", "inner channels"], blocks.Select(b => (IReadOnlyList<string>)[$"{b.Index}", b.Kind, $"{b.Hidden}"]));
            return;
        }
        var merges = blocks.Any(b => b.TokensMerged is not null);
        console.WriteTable(
            ["block", "kind", "heads", "q/k", "v", "MLP hidden", .. Merged("merged")],
            blocks.Select(b => (IReadOnlyList<string>)[$"{b.Index}", b.Kind, $"{b.Heads}", $"{b.QkDim}", $"{b.VDim}", $"{b.MlpHidden}", .. Merged($"{b.TokensMerged}")]));

        string[] Merged(string cell) => merges ? [cell] : [];
    }

    /// <summary>Writes a line of plain text; brackets in it are not markup, and no character in it is a command to the terminal.</summary>
    public static void WriteText(this IAnsiConsole console, string text) => console.Write(new Text(Printable.Lines(text) + "\n"));

    public static string Count(long value) => ReportNumbers.Count(value);

    public static string Percent(double fraction) => ReportNumbers.Percent(fraction, Digits);

    public static string Number(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);

    /// <summary>What is left, as a share of what was.</summary>
    public static string Share(long before, long after) => ReportNumbers.Share(before, after, Digits);
}
