namespace Espalier.Reports;

/// <summary>The network at one point of its way.</summary>
public sealed record ReportStage
{
    /// <summary><c>cut</c>, <c>repaired</c> or <c>finetuned</c>.</summary>
    public required string Stage { get; init; }

    /// <summary>The block that was cut or finetuned after; null when several.</summary>
    public int? Block { get; init; }

    /// <summary>The metric loss on the metric set.</summary>
    public required double Metric { get; init; }

    /// <summary>Feature MSE on images that were not trained on.</summary>
    public double? HeldOutMse { get; init; }

    /// <summary>Share of those images whose likeliest class is the teacher's.</summary>
    public double? HeldOutAgreement { get; init; }

    /// <summary>A fraction; only with <c>--eval</c>.</summary>
    public double? Top1 { get; init; }

    public double? Top5 { get; init; }

    public long? MacsBudget { get; init; }

    /// <summary>Gradient steps of this stage.</summary>
    public long? Steps { get; init; }

    public double? Seconds { get; init; }
}

/// <summary>Recoverability of one candidate block; lower is better.</summary>
public sealed record ReportRank(int Index, double Metric);

/// <summary>One point of the loss curve; <paramref name="Step"/> counts from the start of the run.</summary>
public sealed record ReportLoss(long Step, double Loss, string? Stage = null);

/// <summary>A phase of the run: the time it took and the gradient steps of each of its trainings.</summary>
public sealed record ReportPhase(string Name, double Seconds, long Steps = 0, int Trainings = 1);
