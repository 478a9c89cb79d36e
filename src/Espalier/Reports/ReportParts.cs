using System.Collections.Immutable;
using Espalier.Models;

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

    /// <summary>Mean KL(teacher ‖ student) of the logits on those images.</summary>
    public double? HeldOutKl { get; init; }

    /// <summary>A fraction; only with <c>--eval</c>.</summary>
    public double? Top1 { get; init; }

    public double? Top5 { get; init; }

    public long? MacsBudget { get; init; }

    /// <summary>Gradient steps of this stage.</summary>
    public long? Steps { get; init; }

    public double? Seconds { get; init; }
}

/// <summary>Recoverability of one candidate block; lower is better.</summary>
public sealed record ReportRank(int Index, double Metric)
{
    /// <summary>Mean KL(teacher ‖ student) on the training images; only where candidates were measured.</summary>
    public double? TrainingKl { get; init; }

    /// <summary>Feature MSE on the training images.</summary>
    public double? TrainingMse { get; init; }

    /// <summary>Mean KL(teacher ‖ student) on images that were not drawn.</summary>
    public double? HeldOutKl { get; init; }

    /// <summary>On the evaluation images, as a fraction.</summary>
    public double? Top1 { get; init; }

    public double? Top5 { get; init; }
}

/// <summary>One block of the result; q/k and v widths are per head, 0 when the attention is gone, <see cref="Hidden"/> is of convolutional blocks.</summary>
public sealed record ReportBlock(int Index, string Kind, int Heads, int QkDim, int VDim, int MlpHidden, int? MixerRank = null, int? TokensMerged = null)
{
    /// <summary>Inner channels of a convolutional block, 0 when it is gone; null in other networks.</summary>
    public int? Hidden { get; init; }

    /// <summary>Every block of a network, in order.</summary>
    public static ImmutableArray<ReportBlock> Of(Architecture net) =>
        [.. net.BlockFacts().Select((b, i) => new ReportBlock(i, b.Kind, b.Heads, b.QkDim, b.VDim, b.MlpHidden, b.MixerRank, b.TokensMerged) { Hidden = b.Hidden })];
}

/// <summary>One model of a family.</summary>
public sealed record ReportMember
{
    /// <summary>Its folder, from the run folder.</summary>
    public required string Output { get; init; }

    /// <summary>Target as a share of the given model's MACs.</summary>
    public required double Keep { get; init; }

    public required long MacsBudget { get; init; }

    public required long MacsFull { get; init; }

    public required long Params { get; init; }

    /// <summary>The metric loss on the metric set.</summary>
    public required double Metric { get; init; }

    /// <summary>Share of images that were not drawn whose likeliest class is the teacher's.</summary>
    public double? HeldOutAgreement { get; init; }

    public double? HeldOutKl { get; init; }

    public double? Top1 { get; init; }

    public double? Top5 { get; init; }

    /// <summary>Gradient steps of its own finetune.</summary>
    public long Steps { get; init; }

    /// <summary>Every block of it; empty in a report of an earlier version.</summary>
    public ImmutableArray<ReportBlock> Structure { get; init => field = value.IsDefault ? [] : value; } = [];
}

/// <summary>A round of the structure search: KL on held-out calibration images once repaired, and widths changed since the round before.</summary>
public sealed record ReportSearch(int Round, double Kl, int Moves)
{
    /// <summary>Which part of the images judged: only rounds of one part can be compared. The structure taken is the best of part 0.</summary>
    public int Fold { get; init; }
}

/// <summary>One point of the loss curve; <paramref name="Step"/> counts from the start of the run.</summary>
public sealed record ReportLoss(long Step, double Loss, string? Stage = null);

/// <summary>A phase of the run: the time it took and the gradient steps of each of its trainings.</summary>
public sealed record ReportPhase(string Name, double Seconds, long Steps = 0, int Trainings = 1);
