using System.Reflection;
using Espalier.Compute;
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

    /// <summary>Opens the run folder, does the work, writes the report, and clears what the steps left.</summary>
    internal T Run<T>(string output, string command, IEnumerable<string> reads, Func<RunFolder, T> work, Func<T, RunFolder, RunReport>? report)
    {
        using var folder = SharedRun.Open(Compute.Group, () => Open(output, command, reads));
        folder.SaveEvery = SaveEvery;
        var result = work(folder);
        if (report is not null && (Compute.Group?.IsFirst ?? true)) ReportFiles.Write(report(result, folder), folder.Path);
        folder.Complete();
        return result;
    }

    private RunFolder Open(string output, string command, IEnumerable<string> reads)
    {
        if (Existing != ExistingRun.GoOn || !RunFolder.Exists(output))
            return RunFolder.Create(output, Manifest(command), Existing == ExistingRun.Replace, reads);
        var folder = RunFolder.Open(output);
        if (!folder.IsComplete) return folder;
        folder.Dispose();
        throw new UsageException($"'{output}' is finished already; open it as a model, or choose another folder.");
    }

    // A program repeats its own calls: there is no command line that would.
    private static RunManifest Manifest(string command) => new()
    {
        Command = command,
        Arguments = [],
        WorkingDirectory = Directory.GetCurrentDirectory(),
        Version = typeof(RunOptions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0",
    };
}
