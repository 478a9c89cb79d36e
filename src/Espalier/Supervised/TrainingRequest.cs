using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;

namespace Espalier.Supervised;

/// <summary>How long to train; exactly one is set.</summary>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="Epochs">Passes over the images.</param>
/// <param name="Time">Time for the whole command.</param>
public sealed record TrainingEffort(long? Steps = null, int? Epochs = null, TimeSpan? Time = null);

/// <summary>What is asked of everything that learns from labelled images: <c>train</c>, <c>finetune</c> and <c>search</c>.</summary>
public abstract record TrainingRequest
{
    public required ModelSource Model { get; init; }

    /// <summary>Labelled training images.</summary>
    public required ImageDataset Data { get; init; }

    /// <summary>Labelled images to measure accuracy on; null measures nothing.</summary>
    public ImageDataset? Eval { get; init; }

    /// <summary>Training images kept aside to measure on; 0 keeps none.</summary>
    public int HoldOut { get; init; }

    /// <summary>Of the whole run.</summary>
    public required TrainingEffort Effort { get; init; }

    /// <summary>Refuse a training image that cannot be read, instead of going on without it.</summary>
    public bool Strict { get; init; }

    public required ulong Seed { get; init; }

    public required ComputeOptions Compute { get; init; }

    /// <summary>Files and folders it reads, which no output may replace.</summary>
    public IEnumerable<string> Reads => Model.Files.Concat(Data.Files).Concat(Eval?.Files ?? []);

    /// <summary>The images to train on, and those kept aside.</summary>
    internal (ImageDataset Train, ImageDataset? Aside) Split() => HeldOut.Split(Data, HoldOut, Seed);

    /// <summary>Makes sure that recipe, images and labels go together: all that can be known before there is a run.</summary>
    /// <param name="recipe">How it is trained.</param>
    /// <param name="net">The network that is evaluated.</param>
    /// <exception cref="UsageException">The recipe has a value out of its range, or no image is left to train on.</exception>
    /// <exception cref="InputException">Images have no labels, or others than the network.</exception>
    internal void Check(TrainRecipe recipe, Architecture net)
    {
        recipe.Validate();
        HeldOut.Check(Data.RequireLabels(), HoldOut);
        if (Eval is not null) Evaluator.Require(Eval, net);
    }
}

/// <summary>What everything comes to that learned from labelled images.</summary>
/// <param name="Steps">Optimizer steps taken.</param>
public abstract record TrainingResult(long Steps)
{
    /// <summary>Training images that could not be read and were left out.</summary>
    public int SkippedImages { get; init; }

    /// <summary>True when time ran out before the planned steps were done: the run cannot be repeated exactly.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>Mean training loss over stretches of the run, by step.</summary>
    public IReadOnlyList<(long Step, double Loss)> Losses { get; init; } = [];
}
