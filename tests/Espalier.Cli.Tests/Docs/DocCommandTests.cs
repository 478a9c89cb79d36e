using System.Text.RegularExpressions;
using Espalier.Cli.Commands;
using Espalier.Models.Formats.Onnx;
using Espalier.Testing;

namespace Espalier.Cli.Tests.Docs;

/// <summary>Every command of the documentation does what its page says, on tiny stand-ins and cut short (<see cref="CutShort"/>); what is not run is on record.</summary>
public sealed partial class DocCommandTests(DocCommandTests.Cache cache) : IClassFixture<DocCommandTests.Cache>
{
    private const string Help = "the help";

    /// <summary>Command lines of other programs, by how they begin, and who runs them.</summary>
    private static readonly (string Line, string Who)[] s_others =
    [
        ("./test.sh", "runs this test, too"),
        ("sudo apt-get install --no-install-recommends libtorch1.13", "changes the machine"),
        ("dotnet tool install -g Espalier.Cli", "PackageTests.The_tool_works_outside_the_repository"),
        ("dotnet new console", "PackageTests.Twenty_lines_in_a_clean_folder_compress_the_bundled_model"),
        ("dotnet add package Espalier", "PackageTests.Twenty_lines_in_a_clean_folder_compress_the_bundled_model"),
        ("dotnet run -c Release --project samples/CompressCheckpoint", "SampleTests.A_checkpoint_is_compressed_in_twenty_lines"),
    ];

    public static TheoryData<string> PagesWithCommands => [.. Pages.All.Where(page => Runnable(page).Any()), Help];

    [SkippableTheory]
    [MemberData(nameof(PagesWithCommands))]
    public void Commands_end_as_their_page_says(string page)
    {
        var hasRuntime = OnnxRuntime.Find() is not null;
        var leftOut = false;
        using var place = new StandIns(cache.Path);
        foreach (var command in Runnable(page))
        {
            var words = CutShort.Words(command.Words);
            if (!hasRuntime && words.Contains("--verify")) (words, leftOut) = ([.. words.Where(w => w != "--verify")], true);
            var run = place.Run(words);
            run.Code.ShouldBe(command.ExitCode, $"{command.Line}\nespalier {string.Join(' ', words)}\n{run.Error}");
        }
        Skip.If(leftOut, "all ran but --verify, which needs ONNX Runtime: ./test.sh installs it (npm package onnxruntime-node)");
    }

    [Fact]
    public void Commands_that_are_not_run_can_be_typed_all_the_same()
    {
        foreach (var command in Pages.All.SelectMany(PageCommand.Of).Where(c => c.IsOurs && !c.Line.Contains('$')))
        {
            if (command.Words is ["--version"] or ["--help"]) continue;
            var (chosen, parsed) = EspalierApp.Parse(command.Words);
            chosen.ShouldNotBeNull($"{command.Page}: {command.Line}");
            // What stands for anything stands for numbers, too.
            if (!command.IsPattern) parsed.Errors.Select(e => e.Message).ShouldBeEmpty($"{command.Page}: {command.Line}");
        }
    }

    [Fact]
    public void What_is_not_run_is_on_record_with_a_reason()
    {
        List<string> record = [];
        foreach (var page in Pages.All)
        {
            record.AddRange(CodeBlock.Of(page).Where(b => b.NotRun is not null).Select(b => $"{page}: {First(b.Text)}\n    {b.NotRun}"));
            foreach (var block in CodeBlock.Of(page).Where(b => b.Language is not ("" or "sh" or "csharp")))
                (block.NotRun ?? block.Comment).ShouldNotBeEmpty($"{page}: nobody runs this, and it does not say why:\n{block.Text}");
            foreach (var command in PageCommand.Of(page).Where(c => !c.IsOurs && c.NotRun is null))
            {
                var who = s_others.FirstOrDefault(o => command.Line.StartsWith(o.Line, StringComparison.Ordinal)).Who;
                who.ShouldNotBeNull($"{page}: nobody runs this, and it does not say why: {command.Line}");
                record.Add($"{page}: {First(command.Line)}\n    {who}");
            }
        }
        string.Join('\n', record).ShouldMatchSnapshot("docs-not-run");
        foreach (var match in record.SelectMany(r => Test().Matches(r)).Concat(Pages.All.SelectMany(CodeBlock.Of).SelectMany(b => Test().Matches(b.Comment))))
            Directory.EnumerateFiles(Path.Combine(SharedData.Root, "tests"), match.Groups["class"].Value + ".cs", SearchOption.AllDirectories)
                .Any(file => File.ReadAllText(file).Contains($" {match.Groups["member"].Value}(")).ShouldBeTrue($"there is no test {match.Value}");
    }

    [Fact]
    public void The_study_that_is_shown_is_read()
    {
        using var place = new StandIns(cache.Path);
        File.WriteAllText("study.json", CodeBlock.Of("docs/studies.md").Single(b => b.Language == "json").Text);
        var run = place.Run("study", "study.json", "--set", "model=vit_tiny", "--list");
        run.Code.ShouldBe(0, run.Error);
        run.Out.Split('\n').Count(line => line.Contains("--method practise")).ShouldBeGreaterThan(3);
    }

    [Fact]
    public void Scripts_that_are_named_are_there()
    {
        var named = Pages.All.SelectMany(page => Script().Matches(Pages.Read(page)).Select(m => (page, Path: m.Value))).ToList();
        named.Count.ShouldBeGreaterThan(20);
        foreach (var (page, path) in named) File.Exists(Path.Combine(SharedData.Root, path)).ShouldBeTrue($"{page} names {path}");
    }

    private static IEnumerable<PageCommand> Runnable(string page) =>
        (page == Help ? PageCommand.OfHelp() : PageCommand.Of(page)).Where(c => c is { IsOurs: true, IsPattern: false, NotRun: null });

    /// <summary>A folder for all pages together.</summary>
    public sealed class Cache : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public string Path => _folder.Path;

        public void Dispose() => _folder.Dispose();
    }

    private static string First(string text) => text.Trim().Split('\n')[0];

    [GeneratedRegex(@"\b(?<class>\w+Tests)\.(?<member>\w+)")]
    private static partial Regex Test();

    [GeneratedRegex(@"\b(eng|benchmarks)/[\w-]+\.(sh|py)\b")]
    private static partial Regex Script();
}
