using Espalier.FewShot;

namespace Espalier.DcVit;

/// <summary>A candidate that was compressed alone and finetuned.</summary>
/// <param name="Block">Its index.</param>
/// <param name="Metric">Distance from the teacher on the metric set after the finetune.</param>
/// <param name="Finetune">The finetune.</param>
internal sealed record RankRecord(int Block, double Metric, FinetuneRecord Finetune)
{
    /// <summary>Other measures of the same candidate; null unless asked for.</summary>
    public CandidateMeasures? Measures { get; init; }
}

/// <summary>One progressive step: the cut, the finetune after it, and the network at both points.</summary>
/// <param name="Block">The block compressed last.</param>
/// <param name="Cut">Before the finetune.</param>
/// <param name="Finetuned">After it.</param>
/// <param name="Finetune">The finetune; the candidate's own when that was enough.</param>
internal sealed record PruneRecord(int Block, FewShotStage Cut, FewShotStage Finetuned, FinetuneRecord Finetune);
