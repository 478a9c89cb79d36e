using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.Models.Data;
using Espalier.Models.Formats;

namespace Espalier.Training;

/// <summary>How long to train; exactly one is set.</summary>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="Epochs">Passes over the images.</param>
/// <param name="Time">Time for the whole command.</param>
public sealed record TrainingEffort(long? Steps = null, int? Epochs = null, TimeSpan? Time = null);

/// <summary>What <c>train</c> and <c>finetune</c> do.</summary>
public sealed record SupervisedRequest
{
    public required ModelSource Model { get; init; }

    /// <summary>Start from fresh weights of the model's architecture (<c>train</c>) instead of its own (<c>finetune</c>).</summary>
    public required bool FromScratch { get; init; }

    /// <summary>Labelled training images.</summary>
    public required ImageDataset Data { get; init; }

    /// <summary>Labelled images to measure accuracy on at the end; null measures nothing.</summary>
    public ImageDataset? Eval { get; init; }

    /// <summary>Training images kept aside and measured at the end; 0 keeps none.</summary>
    public int HoldOut { get; init; }

    public required TrainRecipe Recipe { get; init; }

    public required TrainingEffort Effort { get; init; }

    /// <summary>Refuse a training image that cannot be read, instead of going on without it.</summary>
    public bool Strict { get; init; }

    public required ulong Seed { get; init; }

    public required ComputeOptions Compute { get; init; }

    /// <summary>Files and folders it reads, which no output may replace.</summary>
    public IEnumerable<string> Reads => Model.Files.Concat(Data.Files).Concat(Eval?.Files ?? []);

    /// <summary>This request, once it is sure that recipe, images and labels go together: all that can be known before there is a run.</summary>
    /// <exception cref="UsageException">The recipe has a value out of its range, or no image is left to train on.</exception>
    /// <exception cref="InputException">Images have no labels, or others than the network.</exception>
    internal SupervisedRequest Checked()
    {
        Recipe.Validate();
        HeldOut.Check(Data.RequireLabels(), HoldOut);
        if (Eval is not null) Evaluator.Require(Eval, Model.Architecture with { Classes = Data.ClassCount });
        return this;
    }
}

/// <summary>What training came to.</summary>
public sealed record SupervisedResult(long Steps, double Epochs, double Loss)
{
    public double? Top1 { get; init; }

    public double? Top5 { get; init; }

    public double? HoldOutTop1 { get; init; }

    /// <summary>Training images that could not be read and were left out.</summary>
    public int SkippedImages { get; init; }

    /// <summary>True when time ran out before the planned steps were done: the run cannot be repeated exactly.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>Remarks: a replaced head.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Mean training loss over stretches of the run, by step.</summary>
    public IReadOnlyList<(long Step, double Loss)> Losses { get; init; } = [];
}
