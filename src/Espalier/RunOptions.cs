using System.Reflection;
using Espalier.Compute;
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

    /// <summary>Measures and bounds the time.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Opens the run folder, does the work, and clears what its steps left.</summary>
    internal T Run<T>(string output, Func<RunFolder, T> work)
    {
        using var folder = SharedRun.Open(Compute.Group, () => Open(output));
        var result = work(folder);
        folder.RemoveSteps();
        return result;
    }

    private RunFolder Open(string output)
    {
        if (Existing != ExistingRun.GoOn || !RunFolder.Exists(output)) return RunFolder.Create(output, Manifest(), Existing == ExistingRun.Replace);
        var folder = RunFolder.Open(output);
        if (!folder.State.Finished) return folder;
        folder.Dispose();
        throw new UsageException($"'{output}' is finished already; open it as a model, or choose another folder.");
    }

    // A program repeats its own calls: there is no command line that would.
    private static RunManifest Manifest() => new()
    {
        Command = "library",
        Arguments = [],
        WorkingDirectory = Directory.GetCurrentDirectory(),
        Version = typeof(RunOptions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0",
    };
}
