using System.Diagnostics;
using System.Text.Json;

namespace Espalier.Cli.Tests;

/// <summary>Commands that several processes carry out: the same results, and an orderly end when one is lost.</summary>
public sealed class ProcessesTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private readonly TemporaryFolder _folder = new();
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public ProcessesTests() => Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _folder["cache"]);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    [Fact]
    public void Two_processes_train_as_one()
    {
        string[] train = ["train", _folder.WriteModel(), "--data", Data(), "--eval", _folder["data"], "--batch", "9", "--steps", "8", "--mixup", "0.5", "--drop-path", "0.2"];
        var (one, two) = (Report("one", train), Report("two", [.. train, "--nproc", "2"]));
        Near(Losses(two), Losses(one), 1e-4);
        two.GetProperty("top1_after").GetDouble().ShouldBe(one.GetProperty("top1_after").GetDouble(), 0.1);
        File.Exists(Path.Combine(_folder["two"], "model.safetensors")).ShouldBeTrue();
    }

    [Fact]
    public void Damaged_images_count_whichever_process_met_them()
    {
        foreach (var k in new[] { 3, 8, 14, 19, 22 }) File.WriteAllText(Path.Combine(Data(), $"{k}.png"), "not a picture");
        Report("two", ["train", _folder.WriteModel(), "--data", Data(), "--batch", "6", "--epochs", "1", "--nproc", "2"]).GetProperty("skipped_images").GetInt32().ShouldBe(5);
    }

    [Theory]
    [InlineData("dc-vit", "0.75")]
    [InlineData("espalier", "0.8")]
    [InlineData("magnitude", "0.8")]
    public void Two_processes_compress_as_one(string method, string keep)
    {
        string[] compress = ["compress", _folder.WriteModel(depth: 3), "--method", method, "--keep-macs", keep, "--images", Data(), "-n", "20", "--batch", "8", "--steps", "4"];
        var (one, two) = (Report("one", compress), Report("two", [.. compress, "--nproc", "2"]));
        Near(Losses(two), Losses(one), 1e-4);
        Texts(two, "structure").ShouldBe(Texts(one, "structure"));
        Near(Metrics(two, "stages"), Metrics(one, "stages"), 1e-3);
        if (method == "dc-vit") Metrics(two, "ranking").ShouldBe(Metrics(one, "ranking"), "candidates are ranked by one process each");
    }

    [Fact]
    public void Two_processes_search_within_the_target()
    {
        var two = Report("two", ["search", _folder.WriteModel(), "--keep-macs", "0.5", "--data", Data(), "--batch", "8", "--steps", "12", "--nproc", "2"]);
        two.GetProperty("macs_budget_after").GetDouble().ShouldBeLessThanOrEqualTo(0.5 * two.GetProperty("macs_budget_before").GetDouble() * (1 + 1e-8));
        Losses(two).ShouldAllBe(l => double.IsFinite(l));
    }

    [SkippableFact]
    public void A_lost_process_ends_the_other_and_the_run_goes_on_with_any_number()
    {
        string[] train = ["train", _folder.WriteModel(), "--data", Data(), "--batch", "8", "--steps", "1500", "--precision", "fp32", "--threads", "1", "-o", _folder["out"]];
        using var first = Start([.. train, "--nproc", "2"]);
        Until(() => Children(first).Count == 1 && Directory.Exists(Path.Combine(_folder["out"], "steps", "train")));
        Thread.Sleep(2000); // it is at work
        var begun = Stopwatch.GetTimestamp();
        Process.GetProcessById(Children(first)[0]).Kill();

        first.WaitForExit(s_patience).ShouldBeTrue();
        Stopwatch.GetElapsedTime(begun).ShouldBeLessThan(TimeSpan.FromSeconds(30));
        first.ExitCode.ShouldBe(ExitCodes.Failure);
        first.StandardError.ReadToEnd().ShouldMatch($@"espalier: Process 1 of 2 was lost \((it ended|the connection broke)\)\. What was done is kept; go on with: espalier resume {_folder["out"]}");
        File.Exists(Path.Combine(_folder["out"], "steps", "train", "checkpoint.safetensors")).ShouldBeTrue();

        // With another number of processes: the first is killed this time, which the other notices, too.
        using var second = Start(["resume", _folder["out"], "--nproc", "3"]);
        Until(() => Children(second).Count == 2);
        Thread.Sleep(3000);
        var others = Children(second);
        second.Kill();
        begun = Stopwatch.GetTimestamp();
        Until(() => others.All(HasEnded));
        Stopwatch.GetElapsedTime(begun).ShouldBeLessThan(TimeSpan.FromSeconds(30));

        var last = CliRun.Of("resume", _folder["out"], "--nproc", "1", "--quiet", "--json");
        last.Code.ShouldBe(0, last.Error);
        File.Exists(Path.Combine(_folder["out"], "model.safetensors")).ShouldBeTrue();
    }

    [Fact]
    public void A_process_that_waits_for_the_others_can_be_stopped()
    {
        using var process = Start(["train", _folder.WriteModel(), "--data", Data(), "--steps", "1", "-o", _folder["out"]],
            ["env", "RANK=1", "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", "MASTER_PORT=29499"]);
        Until(() => process.HasExited || File.ReadAllText($"/proc/{process.Id}/maps").Contains("libespalier_group", StringComparison.Ordinal));
        Thread.Sleep(1000); // nobody comes
        process.HasExited.ShouldBeFalse();
        Shell($"kill -TERM {process.Id}").ShouldBe(0);
        process.WaitForExit(TimeSpan.FromSeconds(20)).ShouldBeTrue();
        var said = process.StandardError.ReadToEnd();
        process.ExitCode.ShouldBe(ExitCodes.Cancelled, said);
        said.ShouldContain("espalier: Cancelled.");
    }

    [Fact]
    public void An_error_is_told_once()
    {
        using var process = Start(["train", _folder.WriteModel(), "--data", _folder["nothing"], "--steps", "1", "-o", _folder["out"], "--nproc", "2"]);
        process.WaitForExit(s_patience).ShouldBeTrue();
        process.ExitCode.ShouldBe(ExitCodes.Input);
        process.StandardError.ReadToEnd().Trim().Split('\n').Length.ShouldBe(1);
    }

    [Fact]
    public void A_run_that_is_for_one_process_is_not_resumed_by_several()
    {
        var images = Data();
        CliRun.Of("sweep", _folder.WriteModel(), "--from", "0.9", "--to", "0.8", "--points", "2", "--images", images, "-n", "6", "--steps", "1", "--quiet", "-o", _folder["out"]);
        File.Delete(Path.Combine(_folder["out"], "report.json"));
        var run = CliRun.Of("resume", _folder["out"], "--nproc", "2");
        run.Code.ShouldBe(ExitCodes.Usage);
        run.Error.ShouldContain("one process does alone; resume it without --nproc");
    }

    /// <summary>Two network namespaces are two hosts: they share no loopback device.</summary>
    [SkippableFact]
    public void Two_hosts_train_as_one()
    {
        var id = Environment.ProcessId;
        string[] hosts = [$"esp{id}a", $"esp{id}b"];
        Skip.IfNot(Shell($"ip netns add {hosts[0]}") == 0, "network namespaces are not permitted here");
        try
        {
            Shell($"ip netns add {hosts[1]}").ShouldBe(0);
            Skip.IfNot(Shell($"ip link add ve{id % 100000}a netns {hosts[0]} type veth peer name ve{id % 100000}b netns {hosts[1]}") == 0, "virtual network devices are not permitted here");
            for (var k = 0; k < 2; k++)
                Shell($"ip -n {hosts[k]} addr add 10.77.0.{k + 1}/24 dev ve{id % 100000}{"ab"[k]} && ip -n {hosts[k]} link set ve{id % 100000}{"ab"[k]} up && ip -n {hosts[k]} link set lo up").ShouldBe(0);
            string[] train = ["train", _folder.WriteModel(), "--data", Data(), "--batch", "9", "--steps", "6"];
            var one = Report("one", train);
            // What the second one is told does not matter: it does what the first one does.
            string[][] lines = [[.. train, "--precision", "fp32", "--threads", "1", "--quiet", "-o", _folder["rank0"]], ["resume", _folder["rank1"]]];
            Process[] ranks = [.. Enumerable.Range(0, 2).Select(rank => Start(lines[rank],
                ["ip", "netns", "exec", hosts[rank], "env", $"RANK={rank}", "WORLD_SIZE=2", "MASTER_ADDR=10.77.0.1", "MASTER_PORT=29400"]))];
            foreach (var process in ranks)
                using (process)
                {
                    process.WaitForExit(s_patience).ShouldBeTrue();
                    process.ExitCode.ShouldBe(0, process.StandardError.ReadToEnd());
                }
            Near(Losses(ReportOf("rank0")), Losses(one), 1e-4);
            Directory.Exists(_folder["rank1"]).ShouldBeFalse("only the first process has files");
        }
        finally
        {
            foreach (var host in hosts) Shell($"ip netns del {host}");
        }
    }

    [Fact]
    public void Variables_that_make_no_group_are_wrong_usage()
    {
        Environment.SetEnvironmentVariable("RANK", "1");
        try
        {
            var run = CliRun.Of("train", "fashion-vit", "--data", "fashion-mnist:train", "-o", _folder["out"]);
            run.Code.ShouldBe(ExitCodes.Usage);
            run.ErrorLine.ShouldContain("WORLD_SIZE is not set; MASTER_PORT is not set; MASTER_ADDR is not set");
        }
        finally
        {
            Environment.SetEnvironmentVariable("RANK", null);
        }
    }

    private string Data() => Directory.Exists(_folder["data"]) ? _folder["data"]
        : _folder.WriteImages("data", 30, [.. Enumerable.Range(0, 30).Select(i => i % TinyModel.Classes)]);

    private JsonElement Report(string name, string[] arguments)
    {
        var run = CliRun.Of([.. arguments, "--precision", "fp32", "--threads", "1", "--quiet", "-o", _folder[name]]);
        run.Code.ShouldBe(0, run.Error);
        return ReportOf(name);
    }

    private JsonElement ReportOf(string name) => JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder[name], "report.json"))).RootElement;

    private static double[] Losses(JsonElement report) => [.. report.GetProperty("losses").EnumerateArray().Select(l => l.GetProperty("loss").GetDouble())];

    private static double[] Metrics(JsonElement report, string key) => [.. report.GetProperty(key).EnumerateArray().Select(l => l.GetProperty("metric").GetDouble())];

    private static string[] Texts(JsonElement report, string key) => [.. report.GetProperty(key).EnumerateArray().Select(l => l.GetRawText())];

    private static void Near(double[] values, double[] expected, double tolerance)
    {
        values.Length.ShouldBe(expected.Length);
        values.Length.ShouldBeGreaterThan(0);
        for (var k = 0; k < values.Length; k++) values[k].ShouldBe(expected[k], tolerance, $"number {k}");
    }

    private static Process Start(string[] arguments, params string[] before)
    {
        string[] line = [.. before, "dotnet", typeof(EspalierApp).Assembly.Location, .. arguments];
        return Process.Start(new ProcessStartInfo(line[0], line[1..]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
    }

    private static List<int> Children(Process process)
    {
        var path = $"/proc/{process.Id}/task/{process.Id}/children";
        Skip.IfNot(process.HasExited || File.Exists(path), "the system does not tell which processes a process started");
        // Any thread may have started them.
        return process.HasExited ? [] : [.. Directory.GetDirectories($"/proc/{process.Id}/task").SelectMany(task => File.ReadAllText(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries)).Select(int.Parse)];
    }

    // Also one that nobody has asked about yet.
    private static bool HasEnded(int id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/stat").Split(')')[^1].TrimStart().StartsWith('Z');
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static void Until(Func<bool> condition)
    {
        for (var begun = Stopwatch.GetTimestamp(); !condition(); Thread.Sleep(100))
            Stopwatch.GetElapsedTime(begun).ShouldBeLessThan(s_patience);
    }

    private static int Shell(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
