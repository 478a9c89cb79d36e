using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Supervised;

namespace Espalier;

/// <summary>What <see cref="EspalierModel.Train"/> shall do.</summary>
public sealed record TrainOptions : RunOptions
{
    /// <summary>Labelled training images.</summary>
    public required ImageDataset Data { get; init; }

    /// <summary>Labelled images to measure accuracy on at the end.</summary>
    public ImageDataset? Eval { get; init; }

    /// <summary>In epochs, steps or time.</summary>
    public TrainingEffort Effort { get; init; } = new(Epochs: 10);

    /// <summary>Training images kept aside and measured at the end.</summary>
    public int HoldOut { get; init; }

    /// <summary>Refuse a training image that cannot be read, instead of going on without it.</summary>
    public bool Strict { get; init; }

    /// <summary>One for fresh weights or for given ones, whichever the model has, when null.</summary>
    public TrainRecipe? Recipe { get; init; }

    internal SupervisedRequest Request(ModelSource source) => new()
    {
        Model = source,
        FromScratch = source.IsRandom,
        Data = Data,
        Eval = Eval,
        HoldOut = HoldOut,
        Recipe = Recipe ?? (source.IsRandom ? new TrainRecipe() : TrainRecipe.Finetuning),
        Effort = Effort,
        Strict = Strict,
        Seed = Seed,
        Compute = Compute,
    };
}
