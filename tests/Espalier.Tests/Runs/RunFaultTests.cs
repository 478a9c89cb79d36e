using System.Text.RegularExpressions;
using Espalier.Runs;
using Espalier.Testing;

namespace Espalier.Tests.Runs;

/// <summary>What a process leaves that was killed at an awkward moment, and clocks that are not to be trusted.</summary>
public sealed partial class RunFaultTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void What_a_run_leaves_that_was_killed_before_it_began_is_no_obstacle()
    {
        foreach (var name in new[] { ".lock", ".run.json.tmp", ".state.json.tmp" }) _temporary.Write($"run/{name}", "{");
        Create(force: false).Dispose();
        RunFolder.Open(_temporary["run"]).Manifest.OwnsFolder.ShouldBeTrue();
    }

    [Fact]
    public void A_run_without_a_state_begins_at_its_start()
    {
        Create(force: false).Dispose();
        File.Delete(_temporary["run/state.json"]);
        using var run = RunFolder.Open(_temporary["run"]);
        (run.State.Done.IsEmpty, run.State.Finished).ShouldBe((true, false));
    }

    [Fact]
    public void Clearing_that_was_interrupted_is_finished_by_whoever_comes_next()
    {
        Create(force: false).Dispose();
        _temporary.Write("run/steps/train/checkpoint.safetensors", "of the earlier run");
        _temporary.Write("run/model.safetensors", "of the earlier run");
        _temporary.Write("run/state.json", """{ "done": [], "clearing": true }""");

        using var run = RunFolder.Open(_temporary["run"]);

        Directory.EnumerateFileSystemEntries(run.Path).Select(Path.GetFileName).ShouldBe([".lock", "run.json", "state.json"], ignoreOrder: true);
        File.ReadAllText(_temporary["run/state.json"]).ShouldContain("\"clearing\": false");
    }

    [Fact]
    public void Force_replaces_a_run_that_cannot_be_read()
    {
        _temporary.Write("run/run.json", "not json");
        _temporary.Write("run/mine.txt", "mine");
        Create(force: true).Dispose();
        File.ReadAllText(_temporary["run/mine.txt"]).ShouldBe("mine");
        RunFolder.ReadManifest(_temporary["run"]).Command.ShouldBe("compress");
    }

    [Fact]
    public void A_finished_run_is_complete_only_without_its_steps()
    {
        using (var run = Create(force: false))
        {
            run.StepFolder("one");
            run.Save(run.State with { Finished = true });
            run.IsComplete.ShouldBeFalse("its results were perhaps not handed over");
            run.Complete();
            run.IsComplete.ShouldBeTrue();
        }
        _temporary.Write("run/.steps.removed/one/left.txt", "x");
        RunFolder.Tidy(_temporary["run"]);
        Directory.Exists(_temporary["run/.steps.removed"]).ShouldBeFalse();
    }

    [Fact]
    public void A_removed_folder_is_not_made_anew()
    {
        using var run = Create(force: false);
        Directory.Delete(run.Path, recursive: true);
        Should.Throw<FailureException>(() => run.StepFolder("one")).Message.ShouldContain("was removed while the run was working in it");
        Directory.Exists(run.Path).ShouldBeFalse();
    }

    [Fact]
    public void A_checkpoint_lives_as_long_as_its_step()
    {
        using var folder = Create(force: false);
        string? left = null;
        new Run(folder,
        [
            new RunStep("train", context => File.WriteAllText(left = context.Checkpoint(TimeProvider.System).Path, "x")),
            new RunStep("finish", _ => File.Exists(left).ShouldBeFalse()),
        ], TimeProvider.System).Execute(new Progress<ProgressUpdate>(), default);
        left.ShouldNotBeNull().ShouldStartWith(_temporary["run/steps/train"]);
    }

    [Fact]
    public void A_clock_that_is_set_does_not_change_a_budget_or_a_checkpoint()
    {
        var time = new JumpingTime();
        var budget = new TimeBudget(TimeSpan.FromMinutes(10), time, [new("all", 1)]);
        time.Advance(TimeSpan.FromMinutes(3));
        time.Wall = time.Wall.AddYears(-30);
        budget.Left.ShouldBe(TimeSpan.FromMinutes(7));
        time.Wall = time.Wall.AddYears(60);
        (budget.Left, budget.IsOver).ShouldBe((TimeSpan.FromMinutes(7), false));
    }

    [Fact]
    public void The_time_worked_is_kept_when_a_run_is_killed_within_a_step()
    {
        var time = new ManualTime();
        using (var folder = Create(force: false))
            Should.Throw<InvalidOperationException>(() => new Run(folder, [new RunStep("train", context =>
            {
                for (var k = 0; k < 5; k++)
                {
                    time.Advance(TimeSpan.FromSeconds(25));
                    context.Progress.Report(new ProgressUpdate("training", k, 10));
                }
                throw new InvalidOperationException("killed");
            })], time).Execute(new Progress<ProgressUpdate>(), default));
        using var again = RunFolder.Open(_temporary["run"]);
        (again.State.Seconds, again.State.Next).ShouldBe((75, "train"));
    }

    [Fact]
    public void No_duration_is_taken_from_the_time_of_day()
    {
        var odd = Directory.EnumerateFiles(Path.Combine(SharedData.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}") && WallClock().IsMatch(File.ReadAllText(f)))
            .Select(Path.GetFileName);
        odd.ShouldBe(["LineProgress.cs"], "it writes the time of day, and counts by the timestamp");
    }

    private RunFolder Create(bool force) => RunFolder.Create(_temporary["run"], RunFolderTests.Manifest, force);

    [GeneratedRegex(@"DateTime|GetUtcNow|GetLocalNow|TickCount|GetLastWriteTime")]
    private static partial Regex WallClock();

    private sealed class JumpingTime : TimeProvider
    {
        private long _ticks;

        public DateTimeOffset Wall { get; set; } = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Advance(TimeSpan time) => _ticks += time.Ticks;

        public override long GetTimestamp() => _ticks;

        public override DateTimeOffset GetUtcNow() => Wall;
    }
}
