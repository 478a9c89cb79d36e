using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Espalier.Cli.Commands;
using Espalier.Testing;

namespace Espalier.Cli.Tests.Docs;

/// <summary>A command line of a page, in a block or between backticks.</summary>
/// <param name="Page">The page, relative to the root.</param>
/// <param name="At">Where on it.</param>
/// <param name="Line">As written, continued lines joined and without what comes after the command.</param>
/// <param name="NotRun">Why no test runs it, as the page says; null when one does.</param>
/// <param name="ExitCode">How it ends: with 0 unless the page says so after it (<c># exit code 4: …</c>).</param>
internal sealed partial record PageCommand(string Page, int At, string Line, string? NotRun, int ExitCode = 0)
{
    /// <summary>The commands of a page, in order.</summary>
    public static IEnumerable<PageCommand> Of(string page) => Blocks(page).Concat(Spans(page)).OrderBy(c => c.At);

    /// <summary>What the program's own help shows, as if it were a page.</summary>
    public static IEnumerable<PageCommand> OfHelp() => CommandTable.All().SelectMany(c => c.Examples).Select((line, i) => new PageCommand("the help", i, line, null));

    /// <summary>Whether it calls Espalier.</summary>
    public bool IsOurs => Ours().IsMatch(Line);

    /// <summary>Whether it has names in capitals, which stand for anything.</summary>
    public bool IsPattern => Words.Any(w => w.Length > 1 && w.All(char.IsAsciiLetterUpper));

    /// <summary>What follows the program's name.</summary>
    public ImmutableArray<string> Words => [.. Word().Matches(Ours().Replace(Line, "")).Select(m => m.Value.Trim('\''))];

    private static IEnumerable<PageCommand> Blocks(string page)
    {
        foreach (var block in CodeBlock.Of(page).Where(b => b.Language is "" or "sh"))
        {
            var at = block.At;
            foreach (var line in block.Text.Replace("\\\n", "").Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
                yield return new PageCommand(page, at++, After().Replace(line, ""), block.NotRun, ExitCodeOf(line));
        }
    }

    private static IEnumerable<PageCommand> Spans(string page) => Span().Matches(CodeBlock.TextAround(page))
        .Select(m => new PageCommand(page, m.Index, Space().Replace(m.Groups["line"].Value, " "), null)).Where(c => !c.Line.Contains('…'));

    private static int ExitCodeOf(string line) => Code().Match(line) is { Success: true } m ? int.Parse(m.Groups["code"].Value) : 0;

    [GeneratedRegex(@"^(\w+=\S+ )?(\./)?espalier (?=\S)")]
    private static partial Regex Ours();

    [GeneratedRegex(@"`(?<line>(\./)?espalier\s+[a-z-]+\s[^`]+)`")]
    private static partial Regex Span();

    [GeneratedRegex(@"\s+# .*$")]
    private static partial Regex After();

    [GeneratedRegex(@"# exit code (?<code>\d+)")]
    private static partial Regex Code();

    [GeneratedRegex(@"'[^']*'|\S+")]
    private static partial Regex Word();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
