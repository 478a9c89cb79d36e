using Espalier.Runs;

namespace Espalier.FewShot;

/// <summary>A compression method bound to a request. Making one plans, so that an impossible target fails before anything is written.</summary>
public interface IFewShotMethod
{
    FewShotRequest Request { get; }

    /// <summary>Which of its profiles the method follows, for reports; null when it has none.</summary>
    string? Profile { get; }

    /// <summary>What it can do for the target, and what it would.</summary>
    CompressionPlan Plan { get; }

    /// <summary>Runs, or goes on with, the whole method; leaves a model folder.</summary>
    /// <param name="folder">The run; every part is a resumable step of it.</param>
    /// <param name="progress">Told about each step.</param>
    /// <param name="cancellation">Stops between two gradient steps; the run can be resumed.</param>
    FewShotResult Compress(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation);
}

/// <summary>A method that ranks blocks, and can do that alone.</summary>
public interface IRankingMethod : IFewShotMethod
{
    /// <summary>Runs, or goes on with, the method up to the ranking.</summary>
    /// <inheritdoc cref="IFewShotMethod.Compress"/>
    FewShotResult Rank(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation);
}
