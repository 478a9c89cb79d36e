using System.Collections.Immutable;
using Espalier.Models;
using Espalier.Repair;
using Espalier.Widths;

namespace Espalier.OwnMethod;

/// <summary>Switches of the method <c>espalier</c>.</summary>
public sealed record EspalierOptions
{
    // All views of all images are in memory at once.
    private const int MostCrops = 100;

    /// <summary>Kinds of widths that may be cut.</summary>
    public ImmutableArray<WidthKind> Widths { get; init; } = [WidthKind.QueryKey, WidthKind.Value, WidthKind.Hidden];

    /// <summary>
    /// Merge tokens (ToMe) first, and cut widths only for what that does not save: far more accurate at equal MACs on a plain ViT, but the
    /// tensors stay as large as they are, and the network sorts and gathers tokens as it runs.
    /// </summary>
    public bool MergeTokens { get; init; }

    /// <summary>Which blocks merge them.</summary>
    public MergingBlocks MergingBlocks { get; init; } = MergingBlocks.Auto;

    /// <summary>Widths that are cut become multiples of this, which some kernels run faster; 1 allows any. The target is met with that much less precision.</summary>
    public int MultipleOf { get; init; } = 1;

    /// <summary>Blocks that stay whole.</summary>
    public ImmutableArray<int> Keep { get; init; } = [];

    /// <summary>A network whose widths are taken as they are, see <see cref="GivenStructure"/>; null searches.</summary>
    public Architecture? Like { get; init; }

    /// <summary>
    /// Rounds of the structure search, at least 1: a single one takes the uniform start as it is. When null, as many as let every image judge once, and
    /// the last one.
    /// </summary>
    public int? Rounds { get; init; }

    /// <summary>
    /// Drawn images that the structure search looks at, at least 2. When null 250, or as many as the time has room to look at once.
    /// </summary>
    public int? SearchImages { get; init; }

    /// <summary>Drawn images that are repaired on at the end, at least 2. When null all; fewer when the time has no room even for that.</summary>
    public int? RepairImages { get; init; }

    /// <summary>Rounds of the search for the tokens to merge; when null as many as <see cref="Rounds"/>, or six.</summary>
    public int? MergingRounds { get; init; }

    /// <summary>
    /// Random crops of each image that the final repair looks at besides the whole image; 0 is off. When null, as many as make five hundred views of few
    /// images, or as the time has room for.
    /// </summary>
    public int? Crops { get; init; }

    /// <summary>Whether those crops are mixed with each other (mixup).</summary>
    public bool MixCrops { get; init; } = true;

    public RepairOptions Repair { get; init; } = new();

    public DistillationOptions Distillation { get; init; } = new();

    /// <summary>Blend repaired and finetuned weights as a fifth of the images advises, which nothing is fitted to then; off keeps the finetuned ones.</summary>
    public bool Blend { get; init; }

    /// <summary>After finetuning, solve once more for every layer, this share of the way; 0 is off.</summary>
    public double Refit { get; init; }

    /// <summary>Lists every value out of its range, those of <see cref="Repair"/> and <see cref="Distillation"/> included.</summary>
    /// <exception cref="UsageException">At least one is.</exception>
    public void Validate()
    {
        var faults = new FaultList();
        faults.Unless(MultipleOf >= 1, $"widths as multiples of {MultipleOf} (at least 1)");
        faults.Unless(Rounds is null or >= 1, $"{Rounds} rounds (at least 1)");
        faults.Unless(SearchImages is null or >= 2, $"{SearchImages} images to search on (at least 2)");
        faults.Unless(RepairImages is null or >= 2, $"{RepairImages} images to repair on (at least 2)");
        faults.Unless(Crops is null or (>= 0 and <= MostCrops), $"{Crops} crops (0 to {MostCrops})");
        faults.Unless(Refit is >= 0 and <= 1, $"refit {Refit} (in [0, 1])");
        Repair.AddFaults(faults);
        Distillation.AddFaults(faults);
        faults.Throw("espalier");
    }
}
