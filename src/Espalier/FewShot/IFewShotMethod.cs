using System.Collections.Immutable;
using Espalier.Models;
using Espalier.Runs;

namespace Espalier.FewShot;

/// <summary>A compression method bound to a request. Making one plans, so that an impossible target fails before anything is written.</summary>
public interface IFewShotMethod
{
    FewShotRequest Request { get; }

    /// <summary>Which of its profiles the method follows, for reports; null when it has none.</summary>
    string? Profile { get; }

    /// <summary>A structure that meets the target, as far as can be told before anything is measured.</summary>
    Architecture Example { get; }

    /// <summary>What the user should know about the plan.</summary>
    ImmutableArray<string> Warnings { get; }

    /// <summary>Runs, or goes on with, the whole method; leaves a model folder.</summary>
    /// <param name="folder">The run; every part is a resumable step of it.</param>
    /// <param name="progress">Told about each step.</param>
    /// <param name="cancellation">Stops between two gradient steps; the run can be resumed.</param>
    FewShotResult Compress(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation);
}
