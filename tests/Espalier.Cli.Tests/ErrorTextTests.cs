using System.Text.RegularExpressions;
using Espalier.Cli.Commands;
using Espalier.Cli.Output;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

/// <summary>The library speaks of settings, the command line of options.</summary>
public sealed partial class ErrorTextTests
{
    private static readonly string[] s_floors = ["src/Espalier.Torch", "src/Espalier.Models", "src/Espalier"];

    [Fact]
    public void Options_follow_the_message_that_does_not_name_them()
    {
        ErrorText.Of(new UsageException("Too many images; give a smaller batch.") { Settings = ["BatchSize", "HoldOut"] })
            .ShouldBe("Too many images; give a smaller batch (--batch, --hold-out).");
        ErrorText.Of(new UsageException("Give --batch.") { Settings = ["Batch"] }).ShouldBe("Give --batch.");
        ErrorText.Of(new InputException("There is no model.")).ShouldBe("There is no model.");
    }

    [Fact]
    public void Every_setting_the_library_speaks_of_is_an_option()
    {
        var options = CommandTable.All().SelectMany(c => c.Options).Select(o => o.Name).ToHashSet();
        var settings = Sources().SelectMany(s => List().Matches(s.Text)).SelectMany(m => Name().Matches(m.Groups["all"].Value))
            .Select(m => m.Groups["name"].Value).Distinct().ToList();
        settings.Count.ShouldBeGreaterThan(10);
        settings.ShouldAllBe(s => options.Contains(ErrorText.OptionOf(s)));
    }

    [Fact]
    public void Errors_of_the_library_name_no_option()
    {
        // What reads options, or writes command lines, may name them.
        string[] texts = ["TargetParser.cs", "Studies"];
        var lines = Sources().Where(s => !texts.Any(s.Path.Contains)).SelectMany(s => s.Text.Split('\n')).ToList();
        lines.Count(l => l.Contains("Exception($\"", StringComparison.Ordinal)).ShouldBeGreaterThan(100);
        lines.Where(l => Option().IsMatch(l) && !l.Contains("./espalier", StringComparison.Ordinal)).ShouldBeEmpty();
    }

    [Fact]
    public void A_taken_folder_is_refused_with_the_option_that_replaces_it()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(folder["taken"]).FullName, "notes.txt"), "mine");
        CliRun.Of("synthesize", folder.WriteModel(), "-o", folder["taken"]).ErrorLine.ShouldEndWith("choose another folder or replace them (--force).");
    }

    private static IEnumerable<(string Path, string Text)> Sources() => s_floors
        .SelectMany(floor => Directory.EnumerateFiles(Path.Combine(SharedData.Root, floor), "*.cs", SearchOption.AllDirectories))
        .Select(path => (path, File.ReadAllText(path)));

    [GeneratedRegex("(Exception\\(|^\\s*\\+ )\\$?\".*--[a-z]")]
    private static partial Regex Option();

    [GeneratedRegex(@"\{ Settings = \[(?<all>[^\]]+)\]")]
    private static partial Regex List();

    [GeneratedRegex("\"(?<name>\\w+)\"|nameof\\((?:\\w+\\.)?(?<name>\\w+)\\)")]
    private static partial Regex Name();
}
