using Espalier.Cli.Commands;

namespace Espalier.Cli.Tests;

/// <summary>Help, word for word: a change of an option shows in the diff as its users will read it.</summary>
public sealed class HelpSnapshotTests
{
    public static TheoryData<string> Commands => [.. CommandTable.All().Select(c => c.Name)];

    [Fact]
    public void Of_the_program() => CliRun.Of("--help").Out.ShouldMatchSnapshot("help");

    [Theory]
    [MemberData(nameof(Commands))]
    public void Of_each_command(string command) => CliRun.Of(command, "--help").Out.ShouldMatchSnapshot($"help-{command}");
}
