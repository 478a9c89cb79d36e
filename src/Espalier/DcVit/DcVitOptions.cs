using System.Collections.Immutable;
using Espalier.Finetuning;
using Espalier.Models;
using Espalier.Models.Cnn;

namespace Espalier.DcVit;

/// <summary>The switches of the method. <see cref="For"/> gives the paper's for the official profile.</summary>
public sealed record DcVitOptions
{
    public DcVitProfile Profile { get; init; } = DcVitProfile.Clean;

    /// <summary>The defaults of a profile.</summary>
    public static DcVitOptions For(DcVitProfile profile) => profile.Name == DcVitProfile.Official.Name
        ? new() { Profile = profile, Finetune = FinetuneOptions.Official }
        : new() { Profile = profile };

    /// <summary>What happens to a chosen block; null leaves it to the network, see <see cref="VariantFor"/>.</summary>
    public BlockVariant? Variant { get; init; }

    /// <summary>The edit of a network: whole blocks of a convolutional one go unless something else is asked for, as how the paper narrows them is not known.</summary>
    public BlockVariant VariantFor(Architecture net) => Variant ?? (net is CnnArchitecture ? BlockVariant.Drop : BlockVariant.Compress);

    public MlpInit MlpInit { get; init; } = MlpInit.RandomSample;

    /// <summary>How what was cut is trained.</summary>
    public FinetuneOptions Finetune { get; init; } = new();

    /// <summary>How a candidate is trained before it is scored; null finetunes it as the chosen blocks are in the end.</summary>
    public ICandidateRecovery? Recovery { get; init; }

    /// <summary>What candidates are trained by: <see cref="Recovery"/>, or <see cref="LocalRecovery"/> where the profile asks for it.</summary>
    internal ICandidateRecovery? CandidateRecovery =>
        Recovery ?? (Profile.LocalRanking ? new LocalRecovery(Finetune.LastUpdatable, Finetune.BatchStatistics) : null);

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

    /// <summary>Lists every value out of its range, those of <see cref="Finetune"/> apart.</summary>
    /// <exception cref="UsageException">At least one is.</exception>
    public void Validate()
    {
        var faults = new FaultList();
        faults.Unless(K is null or >= 1, $"{K} blocks (at least 1)");
        faults.Unless(Order is not { IsDefaultOrEmpty: true }, $"an order of no blocks (at least 1)");
        faults.Unless(Candidates is not { IsDefaultOrEmpty: true }, $"no candidates (at least 1)");
        faults.Unless(Profile.CompressedNormEps is null or > 0, $"LayerNorm epsilon {Profile.CompressedNormEps} (above 0)");
        faults.Unless(Profile.RoundingGuard is >= 0 and < 1, $"rounding guard {Profile.RoundingGuard} (in [0, 1))");
        faults.Unless(Profile.PreferredMlpRatio >= 0, $"preferred MLP ratio {Profile.PreferredMlpRatio} (at least 0)");
        faults.Throw("DC-ViT");
        Finetune.Validate();
    }
}
