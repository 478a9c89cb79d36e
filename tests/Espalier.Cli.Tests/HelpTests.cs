using Espalier.Cli.Commands;

namespace Espalier.Cli.Tests;

public sealed class HelpTests
{
    private static readonly string[] Common = ["--seed", "--threads", "--device", "--precision", "--json", "--quiet", "--verbose", "--force"];

    public static TheoryData<string> Commands => [.. CommandTable.All().Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Commands))]
    public void Each_command_explains_itself_with_an_example(string command)
    {
        var run = CliRun.Of(command, "--help");

        run.Code.ShouldBe(0);
        run.Error.ShouldBeEmpty();
        run.Out.ShouldContain($"Usage: espalier {command}");
        run.Out.ShouldContain($"  espalier {command}", customMessage: "an example");
        foreach (var option in Common) run.Out.ShouldContain(option);
        run.Out.Split('\n').ShouldAllBe(line => line.Length <= 160);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Each_example_parses(string name)
    {
        foreach (var example in CommandTable.All().Single(c => c.Name == name).Examples)
        {
            var words = example.Split(' ');
            words[0].ShouldBe("espalier");
            var root = new System.CommandLine.Command("espalier");
            foreach (var command in CommandTable.All()) root.Add(command);
            root.Parse(words[1..]).Errors.ShouldBeEmpty(example);
        }
    }

    [Fact]
    public void The_programs_help_names_every_command()
    {
        var run = CliRun.Of("--help");

        run.Code.ShouldBe(0);
        foreach (var command in CommandTable.All()) run.Out.ShouldContain($"  {command.Name} ");
    }

    [Fact]
    public void Help_wins_over_what_is_missing() => CliRun.Of("compress --help").Code.ShouldBe(0);

    [Fact]
    public void The_version_is_on_stdout() => CliRun.Of("--version").Out.ShouldStartWith("espalier 0.");
}
