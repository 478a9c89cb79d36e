using Espalier.Benchmarks.Kills;
using Espalier.Testing;

namespace Espalier.Cli.Tests.Faults;

/// <summary>Disks that are full, may not be written, or lose the run.</summary>
public sealed class DiskFaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly KillGround _ground;

    public DiskFaultTests() => _ground = new KillGround(_folder["ground"]).Prepare();

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData("train", 60)]
    [InlineData("synthesize", 24)]
    [InlineData("search", 100)]
    public void A_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(string name, int kilobytes)
    {
        using var disk = new SmallDisk(kilobytes);
        var command = KillCase.All.Single(c => c.Name == name);
        var run = CliRun.Of(command.CommandLine(_ground, disk["run"]));
        run.Code.ShouldBe(ExitCodes.Failure, run.Error);
        run.ErrorLine.ShouldContain("No space left on device");
        run.ErrorLine.ShouldContain(disk["run"]);
        Directory.EnumerateFiles(disk["run"], "*.tmp", SearchOption.AllDirectories).ShouldBeEmpty();

        disk.Remount("size=64m");
        var resumed = CliRun.Of("resume", disk["run"], "--quiet");
        resumed.Code.ShouldBe(0, resumed.Error);
        CliRun.Of(command.CommandLine(_ground, _folder["whole"])).Code.ShouldBe(0);
        KillCase.Difference(KillCase.Results(_folder["whole"]), KillCase.Results(disk["run"])).ShouldBeNull();
    }

    [SkippableTheory]
    [InlineData("train")]
    [InlineData("compress espalier")]
    [InlineData("sweep")]
    public void A_disk_that_may_not_be_written_is_one_line(string name)
    {
        using var disk = new SmallDisk(1000);
        disk.Remount("ro");
        var run = CliRun.Of(KillCase.All.Single(c => c.Name == name).CommandLine(_ground, disk["run"]));
        run.Code.ShouldBe(ExitCodes.Failure, run.Error);
        run.ErrorLine.ShouldContain("Read-only file system");
        run.ErrorLine.ShouldContain(disk["run"]);
    }

    [SkippableFact]
    public void A_disk_that_is_filled_up_by_another_stops_the_run_and_keeps_what_was_saved()
    {
        using var disk = new SmallDisk(1000);
        using var progress = new Watcher("training", () => Fill(disk["other"]));
        var command = KillCase.All.Single(c => c.Name == "train");
        var code = EspalierApp.Run([.. command.CommandLine(_ground, disk["run"]).Where(w => w != "--quiet")], new CliStreams(TextWriter.Null, progress), default);
        code.ShouldBe(ExitCodes.Failure, progress.ToString());
        progress.ToString().ShouldContain("No space left on device");

        File.Delete(disk["other"]);
        var resumed = CliRun.Of("resume", disk["run"], "--quiet");
        resumed.Code.ShouldBe(0, resumed.Error);
        CliRun.Of(command.CommandLine(_ground, _folder["whole"])).Code.ShouldBe(0);
        KillCase.Difference(KillCase.Results(_folder["whole"]), KillCase.Results(disk["run"])).ShouldBeNull();

        static void Fill(string path)
        {
            using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            try
            {
                while (true) file.WriteByte(1);
            }
            catch (IOException)
            {
                // As full as it gets.
            }
        }
    }

    [Theory]
    [InlineData("train", "training")]
    [InlineData("search", "search and recovery")]
    [InlineData("sweep", "search: round 1")]
    public void A_run_whose_folder_is_removed_ends_with_one_line_and_does_not_make_it_anew(string name, string line)
    {
        using var progress = new Watcher(line, () => Directory.Delete(_folder["run"], recursive: true));
        var command = KillCase.All.Single(c => c.Name == name);
        var code = EspalierApp.Run([.. command.CommandLine(_ground, _folder["run"]).Where(w => w != "--quiet")], new CliStreams(TextWriter.Null, progress), default);
        code.ShouldBe(ExitCodes.Failure, progress.ToString());
        progress.ToString().TrimEnd().Split('\n')[^1].ShouldContain(_folder["run"]);
        Directory.Exists(_folder["run"]).ShouldBeFalse();
    }

    [Fact]
    public void An_export_over_a_removed_folder_is_one_line()
    {
        var run = CliRun.Of("export", _ground.Model, "-o", _folder["gone/model.onnx"]);
        run.Code.ShouldBe(ExitCodes.Failure);
        run.Error.TrimEnd().Split('\n')[^1].ShouldContain("Cannot write");
    }

    /// <summary>Does something once, when a line says something.</summary>
    private sealed class Watcher(string text, Action act) : StringWriter
    {
        private bool _done;

        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            if (_done || value?.Contains(text) != true) return;
            _done = true;
            act();
        }
    }
}
