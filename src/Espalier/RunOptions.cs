using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.Reports;
using Espalier.Runs;

namespace Espalier;

/// <summary>What to do with an output folder that holds something.</summary>
public enum ExistingRun
{
    /// <summary>Refuse, and leave it as it is.</summary>
    Refuse,
    /// <summary>Replace what an earlier run left.</summary>
    Replace,
    /// <summary>Go on with an interrupted run; begin one where there is none.</summary>
    GoOn,
}

/// <summary>What every long task is told.</summary>
public abstract record RunOptions
{
    /// <summary>Device, threads and precision.</summary>
    public ComputeOptions Compute { get; init; } = new();

    /// <summary>Decides every random choice.</summary>
    public ulong Seed { get; init; }

    /// <summary>What to do with an output folder that holds something.</summary>
    public ExistingRun Existing { get; init; }

    /// <summary>Time between two saved states of a training: at most so much is done again after the process was killed.</summary>
    public TimeSpan SaveEvery { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Measures and bounds the time.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Who begins the run, where that is not the program itself.</summary>
    internal IRunHost? Host { get; init; }

    /// <summary>Opens the run folder, does the work, writes the report, and clears what the steps left.</summary>
    internal T Run<T>(IRunHost host, string output, IEnumerable<string> reads, Func<RunFolder, T> work, Func<T, RunFolder, RunReport?> report)
    {
        using var folder = host.Open(reads);
        var result = work(folder);
        var told = report(result, folder) is { } found ? found with { Output = host.Resumed ?? output } : null;
        if (told is not null && (Compute.Group?.IsFirst ?? true)) ReportFiles.Write(told, folder.Path);
        folder.Complete();
        host.Done(told, folder.State.Seconds);
        return result;
    }

    /// <summary>Does the work in a run folder of which nothing is left.</summary>
    internal static T RunInPassing<T>(IRunHost host, Func<RunFolder, T> work)
    {
        var path = Directory.CreateTempSubdirectory("espalier-").FullName;
        try
        {
            using var folder = host.OpenTemporary(Path.Combine(path, "run"));
            return work(folder);
        }
        finally
        {
            Directory.Delete(path, recursive: true);
        }
    }

    /// <summary>The one who begins the run.</summary>
    /// <param name="output">The run folder; null for a run of which nothing stays.</param>
    /// <param name="command">The task's name, for the run folder.</param>
    internal IRunHost HostOf(string? output, string command) => Host ?? new ProgramRun(output, command, this);

    /// <summary>Makes targets of latency ones of MACs.</summary>
    internal LatencyTarget Latency(IRunHost host, string? cacheFolder, IProgress<ProgressUpdate> progress, CancellationToken cancellation) =>
        new(Compute, Clock, progress, cancellation) { CacheFolder = cacheFolder, Resumed = host.Resumed };
}
