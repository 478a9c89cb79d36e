using System.Diagnostics;
using System.Text.Json;

namespace Espalier.Benchmarks.Kills;

/// <summary>When a process is killed.</summary>
/// <param name="After">So long after its start.</param>
/// <param name="File">As soon as there are <paramref name="Count"/> files of this name in the run folder.</param>
/// <param name="Count">How many.</param>
internal sealed record Moment(TimeSpan? After = null, string? File = null, int Count = 1)
{
    public bool IsNow(string run, TimeSpan age) => After is { } after ? age >= after : Found(run) >= Count;

    private int Found(string run)
    {
        try
        {
            return Directory.EnumerateFiles(run, File!, new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }).Count();
        }
        catch (IOException)
        {
            return 0; // not there yet, or going
        }
    }
}

/// <summary>How one process ended.</summary>
/// <param name="Code">Its exit code; 137 when it was killed.</param>
/// <param name="Error">What it wrote to stderr.</param>
/// <param name="Seconds">How long it lived.</param>
internal sealed record Life(int Code, string Error, double Seconds)
{
    public bool WasKilled => Code == 137;
}

/// <summary>A run that is begun, killed and resumed, each time as a process of its own.</summary>
/// <param name="program">The command line program's assembly.</param>
/// <param name="run">The run folder.</param>
/// <param name="cache">Where it keeps synthetic images.</param>
/// <param name="arguments">The command that begins the run.</param>
internal sealed class Victim(string program, string run, string cache, IReadOnlyList<string> arguments)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    /// <summary>Whether there is nothing left to do.</summary>
    public bool IsDone => Next() == "finished" && !Directory.EnumerateDirectories(run, "*steps*").Any();

    /// <summary>What the run would go on with: a step, <c>finished</c>, or <c>start</c>.</summary>
    public string Next()
    {
        if (!File.Exists(Path.Combine(run, "run.json")) || !File.Exists(Path.Combine(run, "state.json"))) return "start";
        using var state = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(run, "state.json")));
        if (state.RootElement.GetProperty("finished").GetBoolean()) return "finished";
        return state.RootElement.TryGetProperty("next", out var next) && next.GetString() is { } name ? name : "between steps";
    }

    /// <summary>Begins the run or goes on with it, until it ends or the moment has come.</summary>
    public Life Live(Moment? moment = null)
    {
        using var process = Start();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        var begun = Stopwatch.GetTimestamp();
        while (!process.HasExited)
        {
            var age = Stopwatch.GetElapsedTime(begun);
            if (moment?.IsNow(run, age) == true || age > s_patience) process.Kill();
            Thread.Sleep(1);
        }
        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        process.WaitForExit();
        _ = output.Result;
        return new Life(process.ExitCode, error.Result.Trim(), seconds);
    }

    /// <summary>The process, begun or resumed; the caller watches over it.</summary>
    public Process Start()
    {
        IEnumerable<string> line = File.Exists(Path.Combine(run, "run.json")) ? ["resume", run, "--quiet"] : arguments;
        var start = new ProcessStartInfo("dotnet", ["exec", program, .. line]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["XDG_CACHE_HOME"] = cache;
        start.Environment["DOTNET_TieredPGO"] = "0"; // pays only in longer lives
        return Process.Start(start)!;
    }
}
