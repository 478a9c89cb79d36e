namespace Espalier.FewShot;

/// <summary>How much work to do: either fixed numbers of steps, or a time for the whole command.</summary>
public sealed record FewShotEffort
{
    /// <summary>Gradient steps of each finetune; null when <see cref="Time"/> decides.</summary>
    public long? Steps { get; init; }

    /// <summary>Gradient steps of each candidate's finetune in the ranking; by default as many as <see cref="Steps"/>.</summary>
    public long? RankSteps { get; init; }

    /// <summary>Iterations of the synthesis; by default as many as <see cref="Steps"/>, at most 2000.</summary>
    public long? SynthesisSteps { get; init; }

    /// <summary>Time for the whole command.</summary>
    public TimeSpan? Time { get; init; }
}
