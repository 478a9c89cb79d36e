using System.Collections.Immutable;
using Espalier.Models;

namespace Espalier.FewShot;

/// <summary>A block that was compressed alone.</summary>
/// <param name="Block">Its index.</param>
/// <param name="Metric">Distance from the teacher on the metric set; lower recovers better.</param>
public sealed record RankedCandidate(int Block, double Metric)
{
    /// <summary>Null unless asked for.</summary>
    public CandidateMeasures? Measures { get; init; }
}

/// <summary>What else can be said about a candidate: the other criteria of the paper's Fig. 4, and the truth they are held against.</summary>
/// <param name="Training">Against the teacher on the training images, without augmentation.</param>
/// <param name="HeldOut">Against the teacher on images that were not drawn; null without any.</param>
/// <param name="Top1">On the evaluation images; null without any.</param>
/// <param name="Top5">On the evaluation images.</param>
public sealed record CandidateMeasures(HeldOutScore Training, HeldOutScore? HeldOut, double? Top1, double? Top5);

/// <summary>What a few-shot run came to.</summary>
public sealed record FewShotResult
{
    /// <summary>Folder of the synthetic images, as PNG files, inside the run folder.</summary>
    public const string PicturesFolder = "metric-set";

    public required Cost Before { get; init; }

    public required Cost After { get; init; }

    /// <summary>Hidden units kept in each compressed block; null when they differ.</summary>
    public int? Hidden { get; init; }

    /// <summary>Compressed blocks in the order of compression.</summary>
    public ImmutableArray<int> Order { get; init; } = [];

    /// <summary>Every candidate with its metric, best first; empty when nothing was ranked.</summary>
    public ImmutableArray<RankedCandidate> Ranking { get; init; } = [];

    /// <summary>The network on its way, in order; the first is right after the cut, the last is the result.</summary>
    public ImmutableArray<FewShotStage> Stages { get; init; } = [];

    public double? Top1Before { get; init; }

    public double? Top5Before { get; init; }

    public long SynthesisSteps { get; init; }

    public double SynthesisSeconds { get; init; }

    /// <summary>The metric set came from an earlier run.</summary>
    public bool MetricSetCached { get; init; }

    public long RankSteps { get; init; }

    public double RankSeconds { get; init; }

    /// <summary>The network the run came to; null when it only ranked.</summary>
    public Architecture? Structure { get; init; }

    /// <summary>Rounds of a structure search; empty without one.</summary>
    public ImmutableArray<SearchPoint> Search { get; init; } = [];

    /// <summary>Rounds that searched for widths, as many as the clock allowed.</summary>
    public int WidthRounds { get; init; }

    /// <summary>Drawn images that those looked at; 0 without a round.</summary>
    public int SearchImages { get; init; }

    /// <summary>Drawn images that were repaired on after a search; 0 without one.</summary>
    public int RepairImages { get; init; }

    /// <summary>Crops of each that it looked at besides, where the time had room for fewer than there would have been; else null.</summary>
    public int? RepairCrops { get; init; }

    /// <summary>Rounds that searched for the tokens to merge.</summary>
    public int MergingRounds { get; init; }

    public double SearchSeconds { get; init; }

    public long FinetuneSteps { get; init; }

    public double FinetuneSeconds { get; init; }

    /// <summary>True when time ran out before a finetune had all its steps: the run cannot be repeated exactly.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>Loss curves of the finetunes, by the block compressed before each; null for one of the whole network.</summary>
    public ImmutableArray<(int? Block, long Step, double Loss)> Losses { get; init; } = [];

    public required SampledImages Samples { get; init; }
}
