using Espalier.Reports;
using Espalier.Runs;

namespace Espalier.Tests.Reports;

/// <summary>The command line that repeats a run.</summary>
public sealed class RepeatTests
{
    [Theory]
    [InlineData("compress m --minutes 3 -o out", "compress m -o out --steps 7")]
    [InlineData("compress m --minutes=3 -o out", "compress m -o out --steps 7")]
    [InlineData("compress m --minutes:3 -o out", "compress m -o out --steps 7")]
    [InlineData("train m --epochs=3 -o out", "train m -o out --steps 7")]
    [InlineData("compress m --steps 9 --rank-steps=4 --synthesis-steps:2 -o out", "compress m -o out --steps 7")]
    [InlineData("compress m --minutes-of-fame 3", "compress m --minutes-of-fame 3 --steps 7")]
    public void Whatever_said_how_long_to_work_is_replaced_however_it_was_written(string typed, string repeated) =>
        RunReports.Repeat(Manifest(typed), [("--steps", "7")]).ShouldBe($"espalier {repeated}");

    [Theory]
    [InlineData("compress m --minutes 3 --switch rounds=6 --switch crops=1", "compress m --switch crops=1")]
    [InlineData("compress m --switch=rounds=6 --switch:merging-rounds=2", "compress m")]
    [InlineData("compress m --switch roundsabout=6", "compress m --switch roundsabout=6")]
    public void A_switch_is_replaced_by_what_came_of_it(string typed, string rest) =>
        RunReports.Repeat(Manifest(typed), [("--steps", "0"), ("--switch", "merging_rounds=2"), ("--switch", "rounds=4")])
            .ShouldBe($"espalier {rest} --steps 0 --switch merging_rounds=2 --switch rounds=4");

    [Fact]
    public void A_program_repeats_its_own_calls() => RunReports.Repeat(Manifest(""), [("--steps", "7")]).ShouldBeNull();

    private static RunManifest Manifest(string line) =>
        new() { Command = "compress", Arguments = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries)], WorkingDirectory = "/", Version = "1" };
}
