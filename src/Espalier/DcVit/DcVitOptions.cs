using System.Collections.Immutable;
using Espalier.Models;
using Espalier.Models.Cnn;

namespace Espalier.DcVit;

/// <summary>
/// The switches of the method. Three defaults of the clean profile (batch, learning rate, augmentation) are not the paper's: those need
/// thousands of steps, and these win where there is time for hundreds (<c>docs/results/dcvit-defaults.md</c>). <see cref="For"/> gives
/// the paper's for the official profile.
/// </summary>
public sealed record DcVitOptions
{
    public DcVitProfile Profile { get; init; } = DcVitProfile.Clean;

    /// <summary>The defaults of a profile.</summary>
    public static DcVitOptions For(DcVitProfile profile) => profile.Name == DcVitProfile.Official.Name
        ? new() { Profile = profile, BatchSize = 64, LearningRate = 3e-5, RandAugment = true }
        : new() { Profile = profile };

    /// <summary>What happens to a chosen block; null leaves it to the network, see <see cref="VariantFor"/>.</summary>
    public BlockVariant? Variant { get; init; }

    /// <summary>The edit of a network: whole blocks of a convolutional one go unless something else is asked for, as how the paper narrows them is not known.</summary>
    public BlockVariant VariantFor(Architecture net) => Variant ?? (net is CnnArchitecture ? BlockVariant.Drop : BlockVariant.Compress);

    public UnitChoice UnitChoice { get; init; } = UnitChoice.RandomSample;

    /// <summary>Which tensors a finetune moves; null leaves it to the method: <see cref="UpdateRange.Before"/> is DC-ViT's, <see cref="UpdateRange.All"/> that of PRACTISE and of even widths.</summary>
    public UpdateRange? Update { get; init; }

    public FeaturePoint Feature { get; init; } = FeaturePoint.PreGap;

    /// <summary>What a finetune minimises.</summary>
    public FinetuneLoss Loss { get; init; } = FinetuneLoss.Mimic;

    /// <summary>How a candidate is trained before it is scored; null finetunes it as the chosen blocks are in the end.</summary>
    public ICandidateRecovery? Recovery { get; init; }

    /// <summary>All k blocks are compressed together and finetuned once.</summary>
    public bool Once { get; init; }

    /// <summary>Forces the number of blocks.</summary>
    public int? K { get; init; }

    /// <summary>Measures every ranked candidate also on the training images and the evaluation images; nothing is chosen by it.</summary>
    public bool MeasureCandidates { get; init; }

    /// <summary>Compress these blocks in this order, without ranking.</summary>
    public ImmutableArray<int>? Order { get; init; }

    /// <summary>Which candidates are compressed when <see cref="Order"/> names none.</summary>
    public BlockChoice Choice { get; init; } = BlockChoice.Ranked;

    /// <summary>Candidate blocks; null means all the profile allows.</summary>
    public ImmutableArray<int>? Candidates { get; init; }

    /// <summary>Blocks that must stay whole.</summary>
    public ImmutableArray<int> Keep { get; init; } = [];

    /// <summary>Images per step; the last partial batch of an epoch is kept.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Peak learning rate of AdamW.</summary>
    public double LearningRate { get; init; } = 2e-4;

    /// <summary>Decoupled weight decay on every trainable tensor.</summary>
    public double WeightDecay { get; init; } = 1e-4;

    /// <summary>RandAugment after crop and flip (<c>data_aug</c>).</summary>
    public bool RandAugment { get; init; }

    /// <summary>Smallest area of a random crop.</summary>
    public double MinCropArea { get; init; } = 0.08;
}
