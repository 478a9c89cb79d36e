using System.CommandLine;
using System.Text.RegularExpressions;
using Espalier.Cli.Commands;

namespace Espalier.Product.Tests.Docs;

/// <summary>Every command line of a page is one the program takes.</summary>
public sealed partial class CommandTests
{
    private static readonly string[] s_global = ["--help", "--version"];

    public static TheoryData<string> PagesWithCommands => [.. Pages.All.Where(p => Commands(p).Any())];

    [Theory]
    [MemberData(nameof(PagesWithCommands))]
    public void Commands_parse(string page)
    {
        var root = new Command("espalier");
        foreach (var command in CommandTable.All()) root.Add(command);
        foreach (var line in Commands(page))
        {
            var words = Words(line);
            if (words is [var only] && s_global.Contains(only)) continue;
            var parsed = root.Parse(words);
            parsed.Errors.Select(e => e.Message).ShouldBeEmpty($"{page}: espalier {line}");
            (parsed.CommandResult.Command as CliCommand).ShouldNotBeNull($"{page}: espalier {line}");
        }
    }

    [Fact]
    public void Commands_are_found_where_they_are()
    {
        Commands("docs/getting-started.md").ShouldContain("export runs/small -o small.onnx");
        Commands("README.md").Count().ShouldBeGreaterThan(8);
    }

    // A whole line of a code block, or a span of text that names a command with something after it; "…" and capitals stand for anything.
    private static IEnumerable<string> Commands(string page) => Line().Matches(Pages.Read(page)).Concat(Span().Matches(Pages.Read(page)))
        .Select(m => m.Groups["line"].Value.Split("   #")[0].Trim()).Where(line => !line.Contains('…') && line.Length > 0);

    private static string[] Words(string line) => [.. Word().Matches(line).Select(m => m.Value.Trim('\''))];

    [GeneratedRegex(@"^(\w+=\S+ )?(\./)?espalier (?<line>[a-z-]+( .*)?)$", RegexOptions.Multiline)]
    private static partial Regex Line();

    [GeneratedRegex(@"`(\./)?espalier (?<line>[a-z]+ [^`]+)`")]
    private static partial Regex Span();

    [GeneratedRegex(@"'[^']*'|\S+")]
    private static partial Regex Word();
}
