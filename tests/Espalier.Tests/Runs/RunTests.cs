using Espalier.Runs;
using Espalier.Testing;

namespace Espalier.Tests.Runs;

public sealed class RunTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();
    private readonly ManualTime _time = new();
    private readonly List<string> _log = [];

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Steps_run_in_order_and_the_run_is_finished()
    {
        using var folder = Create();

        Execute(folder, Step("plan"), Step("rank"));

        _log.ShouldBe(["plan", "rank"]);
        folder.State.Finished.ShouldBeTrue();
        folder.State.Next.ShouldBeNull();
        folder.State.Seconds.ShouldBe(20);
    }

    [Fact]
    public void A_resumed_run_skips_what_was_finished()
    {
        using (var folder = Create())
            Should.Throw<InvalidOperationException>(() => Execute(folder, Step("plan"), Step("rank", _ => throw new InvalidOperationException("killed")), Step("cut")));
        _log.Clear();

        using var again = RunFolder.Open(_temporary["run"]);
        again.State.Done.ShouldBe(["plan"]);
        again.State.Next.ShouldBe("rank");
        Execute(again, Step("plan"), Step("rank"), Step("cut"));

        _log.ShouldBe(["rank", "cut"]);
        again.State.Finished.ShouldBeTrue();
    }

    [Fact]
    public void A_step_finds_its_own_checkpoint_and_the_files_of_earlier_steps()
    {
        using (var folder = Create())
            Should.Throw<InvalidOperationException>(() => Execute(
                folder,
                Step("plan", context => File.WriteAllText(Path.Combine(context.Folder, "plan.txt"), "4")),
                Step("rank", context =>
                {
                    File.WriteAllText(Path.Combine(context.Folder, "half.txt"), "done");
                    throw new InvalidOperationException("killed");
                })));

        using var again = RunFolder.Open(_temporary["run"]);
        Execute(
            again,
            Step("plan"),
            Step("rank", context =>
            {
                File.ReadAllText(Path.Combine(context.Folder, "half.txt")).ShouldBe("done");
                File.ReadAllText(Path.Combine(context.Run.StepFolder("plan"), "plan.txt")).ShouldBe("4");
            }));
    }

    [Fact]
    public void Cancelling_keeps_the_time_worked()
    {
        using var cancellation = new CancellationTokenSource();
        using var folder = Create();
        var run = new Run(folder, [Step("plan", _ => cancellation.Cancel()), Step("rank")], _time);

        Should.Throw<OperationCanceledException>(() => run.Execute(new Progress<ProgressUpdate>(), cancellation.Token));

        _log.ShouldBe(["plan"]);
        folder.State.Done.ShouldBe(["plan"]);
        folder.State.Seconds.ShouldBe(10);
        folder.State.Finished.ShouldBeFalse();
    }

    [Fact]
    public void The_state_file_is_whole_at_every_moment()
    {
        using var folder = Create();

        Execute(
            folder,
            Step("plan", _ => State().ShouldContain("\"next\": \"plan\"")),
            Step("rank", _ => State().ShouldContain("\"next\": \"rank\"")));

        State().ShouldContain("\"finished\": true");
        Directory.GetFiles(folder.Path, "*tmp*").ShouldBeEmpty();
        string State() => File.ReadAllText(folder.PathOf("state.json"));
    }

    [Fact]
    public void Other_steps_than_those_recorded_are_refused()
    {
        using var folder = Create();
        Execute(folder, Step("plan"));

        Should.Throw<InputException>(() => Execute(folder, Step("other"))).Settings.ShouldBe([nameof(RunOptions.Existing)]);
    }

    [Fact]
    public void Two_steps_of_one_name_are_refused()
    {
        using var folder = Create();

        Should.Throw<ArgumentException>(() => Execute(folder, Step("plan"), Step("plan")));
    }

    private RunFolder Create() => RunFolder.Create(_temporary["run"], RunFolderTests.Manifest, force: false);

    private RunStep Step(string name, Action<StepContext>? action = null) => new(name, context =>
    {
        _log.Add(name);
        _time.Advance(TimeSpan.FromSeconds(10));
        action?.Invoke(context);
    });

    private void Execute(RunFolder folder, params RunStep[] steps) =>
        new Run(folder, steps, _time).Execute(new Progress<ProgressUpdate>(), CancellationToken.None);
}
