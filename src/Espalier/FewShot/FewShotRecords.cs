using System.Collections.Immutable;

namespace Espalier.FewShot;

/// <summary>What the preparation found.</summary>
/// <param name="Top1">Of the teacher, when there are images to evaluate on.</param>
/// <param name="Top5">Of the teacher.</param>
/// <param name="EvaluationSeconds">Time of one evaluation, to be set aside for the later ones.</param>
public sealed record PreparedRecord(double? Top1, double? Top5, double EvaluationSeconds);

/// <summary>The metric set that is in use.</summary>
/// <param name="Steps">Iterations of the synthesis; 0 for real images.</param>
/// <param name="Cached">It came from an earlier run.</param>
/// <param name="Seconds">Time it took, in all sittings.</param>
public sealed record MetricSetRecord(long Steps, bool Cached, double Seconds);

/// <summary>A finetune that was run.</summary>
/// <param name="Steps">Gradient steps taken.</param>
/// <param name="Planned">Gradient steps planned; more than taken when time ran out.</param>
/// <param name="Seconds">Time of the finetune alone, in all sittings.</param>
public sealed record FinetuneRecord(long Steps, long Planned, double Seconds)
{
    public ImmutableArray<LossPoint> Losses { get; init; } = [];
}

/// <summary>A point of a loss curve.</summary>
public sealed record LossPoint(long Step, double Loss);

/// <summary>One cut, the finetune after it, and the network at both points.</summary>
/// <param name="Block">The block compressed last.</param>
/// <param name="Cut">Before the finetune.</param>
/// <param name="Finetuned">After it.</param>
/// <param name="Finetune">The finetune; the candidate's own when that was enough.</param>
internal sealed record PruneRecord(int Block, FewShotStage Cut, FewShotStage Finetuned, FinetuneRecord Finetune)
{
    /// <summary>Between the two, aligned without a gradient step; null when that was not asked for.</summary>
    public FewShotStage? Repaired { get; init; }
}
