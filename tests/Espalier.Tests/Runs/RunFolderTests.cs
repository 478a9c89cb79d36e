using Espalier.Runs;
using Espalier.Testing;

namespace Espalier.Tests.Runs;

public sealed class RunFolderTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    internal static RunManifest Manifest => new() { Command = "compress", Arguments = ["compress", "x"], WorkingDirectory = "/", Version = "1.2.3" };

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void A_new_folder_records_what_was_asked()
    {
        using var run = RunFolder.Create(_temporary["a/b"], Manifest, force: false);

        var read = RunFolder.ReadManifest(run.Path);
        read.Command.ShouldBe("compress");
        read.Arguments.ShouldBe(["compress", "x"]);
        read.Version.ShouldBe("1.2.3");
        read.FormatVersion.ShouldBe(RunManifest.CurrentFormat);
    }

    [Fact]
    public void A_folder_that_holds_files_is_refused()
    {
        _temporary.Write("run/mine.txt", "mine");

        var error = Should.Throw<UsageException>(() => RunFolder.Create(_temporary["run"], Manifest, force: false));

        error.Settings.ShouldBe([nameof(RunOptions.Existing)]);
        Directory.GetFileSystemEntries(_temporary["run"]).Length.ShouldBe(1);
    }

    [Fact]
    public void An_interrupted_run_is_refused_with_a_hint_at_resume()
    {
        RunFolder.Create(_temporary["run"], Manifest, force: false).Dispose();

        Should.Throw<UsageException>(() => RunFolder.Create(_temporary["run"], Manifest, force: false)).Message.ShouldContain("espalier resume");
    }

    [Fact]
    public void Force_clears_a_folder_the_run_had_to_itself()
    {
        RunFolder.Create(_temporary["run"], Manifest, force: false).Dispose();
        _temporary.Write("run/steps/one/left.txt", "x");
        _temporary.Write("run/old.png", "x");

        using var run = RunFolder.Create(_temporary["run"], Manifest, force: true);

        Directory.EnumerateFileSystemEntries(run.Path).Select(Path.GetFileName).ShouldBe([".lock", "run.json", "state.json"], ignoreOrder: true);
    }

    [Fact]
    public void Force_leaves_other_peoples_files_alone_however_often()
    {
        _temporary.Write("run/mine.txt", "mine");

        for (var i = 0; i < 2; i++) RunFolder.Create(_temporary["run"], Manifest, force: true).Dispose();

        File.ReadAllText(_temporary["run/mine.txt"]).ShouldBe("mine");
    }

    [Fact]
    public void Force_does_not_follow_links_out_of_the_folder()
    {
        _temporary.Write("elsewhere/mine.txt", "mine");
        RunFolder.Create(_temporary["run"], Manifest, force: false).Dispose();
        Directory.CreateSymbolicLink(_temporary["run/link"], _temporary["elsewhere"]);

        RunFolder.Create(_temporary["run"], Manifest, force: true).Dispose();

        File.Exists(_temporary["elsewhere/mine.txt"]).ShouldBeTrue();
        Directory.Exists(_temporary["run/link"]).ShouldBeFalse();
    }

    [Fact]
    public void A_second_process_is_refused_and_clears_nothing()
    {
        using var first = RunFolder.Create(_temporary["run"], Manifest, force: false);
        _temporary.Write("run/steps/one/work.txt", "x");

        Should.Throw<UsageException>(() => RunFolder.Open(_temporary["run"])).Message.ShouldContain("Another process");
        Should.Throw<UsageException>(() => RunFolder.Create(_temporary["run"], Manifest, force: true)).Message.ShouldContain("Another process");
        File.Exists(_temporary["run/steps/one/work.txt"]).ShouldBeTrue();
    }

    [Fact]
    public void The_lock_goes_with_the_run()
    {
        RunFolder.Create(_temporary["run"], Manifest, force: false).Dispose();

        RunFolder.Open(_temporary["run"]).Dispose();

        File.Exists(_temporary["run/.lock"]).ShouldBeFalse();
    }

    [Fact]
    public void A_lock_file_left_by_a_killed_process_does_not_count()
    {
        _temporary.Write("run/.lock", "");

        RunFolder.Create(_temporary["run"], Manifest, force: false).Dispose();
    }

    [Theory]
    [InlineData("/dev/null/run")]
    [InlineData("/proc/run")]
    public void An_unwritable_place_is_a_failure(string path) =>
        Should.Throw<FailureException>(() => RunFolder.Create(path, Manifest, force: false)).Message.ShouldContain(path);

    [Fact]
    public void A_file_in_the_way_is_wrong_usage() =>
        Should.Throw<UsageException>(() => RunFolder.Create(_temporary.Write("file", ""), Manifest, force: true));

    [Theory]
    [InlineData("not json")]
    [InlineData("null")]
    [InlineData("{}")]
    public void A_damaged_run_is_an_invalid_input(string text)
    {
        _temporary.Write("run/run.json", text);

        Should.Throw<InputException>(() => RunFolder.Open(_temporary["run"])).Message.ShouldContain("run.json");
    }

    [Fact]
    public void The_result_comes_out_when_the_run_is_complete_and_its_weights_last()
    {
        using var run = RunFolder.Create(_temporary["run"], Manifest, force: false);
        foreach (var name in new[] { "config.json", "model.safetensors" }) File.WriteAllText(Path.Combine(run.ResultFolder, name), name);
        run.Result.ShouldBe(run.ResultFolder);
        File.Exists(run.PathOf("model.safetensors")).ShouldBeFalse();
        // As a stop in the middle leaves it: nothing is lost, and the next time does the rest.
        var weights = Directory.CreateDirectory(run.PathOf("model.safetensors"));
        Should.Throw<FailureException>(run.Complete);
        File.ReadAllText(run.PathOf("config.json")).ShouldBe("config.json");
        run.Result.ShouldBe(run.ResultFolder);
        run.IsComplete.ShouldBeFalse();
        weights.Delete();

        run.Complete();

        File.ReadAllText(run.PathOf("model.safetensors")).ShouldBe("model.safetensors");
        (run.Result, run.IsComplete).ShouldBe((run.Path, true));
    }

    [Fact]
    public void A_folder_without_a_run_is_an_invalid_input() =>
        Should.Throw<InputException>(() => RunFolder.Open(_temporary["nothing"])).Message.ShouldContain("not a run folder");
}
