using Espalier.Cli.Commands;
using Espalier.Cli.Options;
using Espalier.Runs;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class CommandContextTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly Invocation _invocation = new(new CliStreams(TextWriter.Null, TextWriter.Null), default);

    public void Dispose()
    {
        _invocation.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void What_a_command_did_before_its_run_is_a_part_of_the_runs_time_in_every_sitting()
    {
        var first = Context(null);
        _time.Advance(TimeSpan.FromSeconds(30)); // structures are timed
        using (var run = first.OpenRun(_folder["run"])) run.State.Seconds.ShouldBe(30);

        var second = Context(_folder["run"]);
        _time.Advance(TimeSpan.FromSeconds(12));
        using (var run = second.OpenRun(_folder["run"])) run.State.Seconds.ShouldBe(42);
        using var killed = RunFolder.Open(_folder["run"]);
        killed.State.Seconds.ShouldBe(42, "a run that is killed knows it, too");
    }

    [Fact]
    public void The_run_to_go_on_with_is_the_outermost_one()
    {
        var outer = Context(null);
        using var study = outer.OpenRun(_folder["study"]);
        using var row = outer.As("compress", ["compress"], new CommonSettings(), null).OpenRun(_folder["row"]);
        _invocation.Advice.ShouldEndWith($"espalier resume {_folder["study"]}");
    }

    private CommandContext Context(string? resumed) => new(_invocation, _time)
    {
        Command = "compress", Arguments = ["compress", "x"], Common = new CommonSettings(), Progress = new Progress<ProgressUpdate>(), ResumedFolder = resumed,
    };
}
