namespace Espalier.FewShot;

/// <summary>A network at one point of its way.</summary>
/// <param name="Stage"><c>cut</c>, <c>repaired</c> or <c>finetuned</c>.</param>
/// <param name="Block">The block cut last; null when all were cut at once.</param>
/// <param name="Metric">Distance from the teacher on the metric set.</param>
public sealed record FewShotStage(string Stage, int? Block, double Metric)
{
    /// <summary>Against the teacher on images that were not drawn; null without any.</summary>
    public HeldOutScore? HeldOut { get; init; }

    /// <summary>On the evaluation images; null without any.</summary>
    public double? Top1 { get; init; }

    public double? Top5 { get; init; }

    /// <summary>Cost at this point.</summary>
    public long? MacsBudget { get; init; }

    /// <summary>Gradient steps of this stage.</summary>
    public long? Steps { get; init; }

    /// <summary>Time of its gradient steps.</summary>
    public double? Seconds { get; init; }
}
