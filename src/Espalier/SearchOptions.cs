using Espalier.Budget;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Ofb;
using Espalier.Supervised;

namespace Espalier;

/// <summary>What <see cref="EspalierModel.Search"/> shall do.</summary>
public sealed record SearchOptions : RunOptions
{
    /// <summary>How small.</summary>
    public required Target Target { get; init; }

    /// <summary>Labelled training images of the model's classes.</summary>
    public required ImageDataset Data { get; init; }

    /// <summary>Labelled images to measure accuracy on; never used for a decision.</summary>
    public ImageDataset? Eval { get; init; }

    /// <summary>Search and recovery together, in epochs, steps or time.</summary>
    public TrainingEffort Effort { get; init; } = new(Epochs: 20);

    /// <summary>Training images kept aside and measured; a tenth of them, at most 1,000, when null.</summary>
    public int? HoldOut { get; init; }

    /// <summary>Refuse a training image that cannot be read, instead of going on without it.</summary>
    public bool Strict { get; init; }

    /// <summary>Switches of OFB and its recipe; those that suit the image size when null.</summary>
    public OfbOptions? Ofb { get; init; }

    /// <summary>Where measured latencies are kept for later runs; null keeps none.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>Every change of a width is told.</summary>
    public bool TellWidths { get; init; }

    internal SearchRequest Request(ModelSource source) => new()
    {
        Model = source.FoldLayerScale(),
        Target = Target,
        Data = Data,
        Eval = Eval,
        HoldOut = HoldOut ?? SearchRequest.DefaultHoldOut(Data),
        Options = Ofb ?? new OfbOptions().MixedFor(source.Architecture.ImageSize),
        Effort = Effort,
        TellWidths = TellWidths,
        Strict = Strict,
        Seed = Seed,
        Compute = Compute,
    };
}
