using System.Diagnostics;
using System.Runtime.InteropServices;
using Espalier.Benchmarks.Kills;
using Espalier.Testing;

namespace Espalier.Cli.Tests.Faults;

/// <summary>Runs that are killed, stopped or met by a second process. <c>benchmarks/kills.sh</c> does the first at random, for as long as one likes.</summary>
public sealed partial class KillTests : IDisposable
{
    private const int Terminate = 15;
    private static readonly string s_program = Path.Combine(AppContext.BaseDirectory, "Espalier.Cli.dll");
    private readonly TemporaryFolder _folder = new();
    private readonly KillGround _ground;
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public KillTests()
    {
        _ground = new KillGround(_folder["ground"]).Prepare();
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _folder["whole-cache"]);
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    // The files after whose appearance a process is killed, in the order in which a run makes them.
    [Theory]
    [InlineData("train", "checkpoint.safetensors", "model.safetensors")]
    [InlineData("train", "run.json", "report.json")]
    [InlineData("compress espalier", "checkpoint.safetensors", "report.html")]
    [InlineData("compress dc-vit", "metric-set.json", "pruned.json")]
    [InlineData("search", "cut.json", "finished.json")]
    [InlineData("sweep", "checkpoint.safetensors", "model.safetensors")]
    [InlineData("synthesize", "checkpoint.safetensors", "003.png")]
    [InlineData("study", "checkpoint.safetensors", "report.json")]
    public void A_killed_run_ends_as_an_unbroken_one(string name, string first, string second)
    {
        var command = KillCase.All.Single(c => c.Name == name);
        var whole = CliRun.Of(command.CommandLine(_ground, _folder["whole"]));
        whole.Code.ShouldBe(0, whole.Error);
        var victim = Victim(name, "run");

        var kills = KillTrial.Run(name, 0, victim, _folder["run"], KillCase.Results(_folder["whole"]), [new(File: first), new(File: second)]);

        kills.Count.ShouldBe(2, string.Join('\n', kills));
        kills.ShouldAllBe(k => k.Outcome == KillTrial.Same);
    }

    [Theory]
    [InlineData("train", "training", "checkpoint.safetensors")]
    [InlineData("synthesize", "synthesis", "checkpoint.safetensors")]
    [InlineData("compress espalier", "search", "position.json")]
    public async Task A_run_that_is_asked_to_stop_saves_and_says_how_to_go_on(string name, string stage, string file)
    {
        var command = KillCase.All.Single(c => c.Name == name);
        string[] longer = [.. command.CommandLine(_ground, _folder["run"]).Where(w => w != "--quiet")];
        if (Array.IndexOf(longer, "--steps") is var at and >= 0) longer[at + 1] = "100000";
        if (name == "compress espalier") longer = [.. longer, "--switch", "rounds=1000"];
        using var process = new Victim(s_program, _folder["run"], _folder["cache"], longer).Start();
        _ = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        WaitFor(() => new Moment(File: file).IsNow(_folder["run"], default), process);

        var asked = Stopwatch.GetTimestamp();
        Signal(process.Id, Terminate).ShouldBe(0);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));

        Stopwatch.GetElapsedTime(asked).ShouldBeLessThan(TimeSpan.FromSeconds(5));
        var said = await error;
        process.ExitCode.ShouldBe(ExitCodes.Cancelled, said);
        said.ShouldContain(stage);
        said.TrimEnd().Split('\n')[^1].ShouldBe($"espalier: Cancelled. What was done is kept; go on with: espalier resume {_folder["run"]}");
    }

    [Fact]
    public async Task An_operator_that_takes_longer_than_a_stop_may_is_left()
    {
        // One forward of these images takes half a minute on one thread, and nothing looks up meanwhile.
        string[] line = ["bench", "vit_base_patch16_224", "--batch", "64", "--threads", "1", "--precision", "fp32"];
        using var process = new Victim(s_program, _folder["none"], _folder["cache"], line).Start();
        _ = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        WaitFor(() => process.TotalProcessorTime > TimeSpan.FromSeconds(6), process);

        var asked = Stopwatch.GetTimestamp();
        Signal(process.Id, Terminate).ShouldBe(0);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));

        Stopwatch.GetElapsedTime(asked).ShouldBeLessThan(TimeSpan.FromSeconds(5));
        (process.ExitCode, (await error).Trim()).ShouldBe((ExitCodes.Cancelled, "espalier: Cancelled."));
    }

    [Fact]
    public void A_second_process_is_refused_and_the_lock_dies_with_the_first()
    {
        using var first = Victim("train", "run").Start();
        WaitFor(() => new Moment(File: "checkpoint.safetensors").IsNow(_folder["run"], default), first);

        var second = CliRun.Of("resume", _folder["run"]);
        second.Code.ShouldBe(ExitCodes.Usage);
        second.ErrorLine.ShouldBe($"espalier: Another process is working in '{_folder["run"]}'; wait for it to end or choose another output folder.");

        first.Kill();
        first.WaitForExit();
        var third = CliRun.Of("resume", _folder["run"], "--quiet");
        (third.Code is 0 || third.Error.Contains("finished already")).ShouldBeTrue(third.Error);
        CliRun.Of("resume", _folder["run"], "--quiet").ErrorLine.ShouldContain("finished already");
    }

    [Fact]
    public void Work_that_cannot_stop_is_left_in_time()
    {
        using var stop = new CancellationTokenSource();
        using var left = new ManualResetEventSlim();
        var code = -1;
        var error = new StringWriter();
        var streams = new CliStreams(TextWriter.Null, error) { Leave = c => { code = c; left.Set(); } };
        using (new LateExit(streams, () => "Cancelled.", stop.Token))
        {
            var asked = Stopwatch.GetTimestamp();
            stop.Cancel();
            left.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();
            Stopwatch.GetElapsedTime(asked).ShouldBeInRange(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(5));
        }
        (code, error.ToString()).ShouldBe((ExitCodes.Cancelled, "espalier: Cancelled.\n"));
    }

    private Victim Victim(string name, string run) =>
        new(s_program, _folder[run], _folder["cache"], KillCase.All.Single(c => c.Name == name).CommandLine(_ground, _folder[run]));

    private static void WaitFor(Func<bool> isThere, Process process)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!isThere())
        {
            process.HasExited.ShouldBeFalse();
            Stopwatch.GetElapsedTime(begun).ShouldBeLessThan(TimeSpan.FromMinutes(1));
            Thread.Sleep(1);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);
}
