using System.Collections.Immutable;

namespace Espalier.DcVit;

/// <summary>The switches of the method; the defaults are the method itself where the specification names one.</summary>
public sealed record DcVitOptions
{
    public DcVitProfile Profile { get; init; } = DcVitProfile.Clean;

    /// <summary>The defaults of a profile.</summary>
    public static DcVitOptions For(DcVitProfile profile) => new() { Profile = profile };

    /// <summary>What happens to a chosen block.</summary>
    public BlockVariant Variant { get; init; } = BlockVariant.Compress;

    public UnitChoice UnitChoice { get; init; } = UnitChoice.RandomSample;

    public UpdateRange Update { get; init; } = UpdateRange.Before;

    public FeaturePoint Feature { get; init; } = FeaturePoint.PreGap;

    public MetricKind Metric { get; init; } = MetricKind.Kl;

    /// <summary><c>synthetic</c>, <c>images</c> (the training images), or a folder of images.</summary>
    public string MetricSet { get; init; } = "synthetic";

    /// <summary>Images in the metric set at most; a larger folder is sampled.</summary>
    public int MetricImages { get; init; } = 50;

    /// <summary>All k blocks are compressed together and finetuned once.</summary>
    public bool Once { get; init; }

    /// <summary>Forces the number of blocks.</summary>
    public int? K { get; init; }

    /// <summary>Compress these blocks in this order, without ranking.</summary>
    public ImmutableArray<int>? Order { get; init; }

    /// <summary>Candidate blocks; null means all the profile allows.</summary>
    public ImmutableArray<int>? Candidates { get; init; }

    /// <summary>Blocks that must stay whole.</summary>
    public ImmutableArray<int> Keep { get; init; } = [];

    /// <summary>Images per step; the last partial batch of an epoch is kept.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>Peak learning rate of AdamW.</summary>
    public double LearningRate { get; init; } = 3e-5;

    /// <summary>Decoupled weight decay on every trainable tensor.</summary>
    public double WeightDecay { get; init; } = 1e-4;

    /// <summary>RandAugment after crop and flip (<c>data_aug</c>).</summary>
    public bool RandAugment { get; init; } = true;

    /// <summary>Smallest area of a random crop.</summary>
    public double MinCropArea { get; init; } = 0.08;
}
