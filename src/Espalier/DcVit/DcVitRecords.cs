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
