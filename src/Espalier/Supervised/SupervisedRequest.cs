namespace Espalier.Supervised;

/// <summary>What <c>train</c> and <c>finetune</c> do.</summary>
public sealed record SupervisedRequest : TrainingRequest
{
    /// <summary>Start from fresh weights of the model's architecture (<c>train</c>) instead of its own (<c>finetune</c>).</summary>
    public required bool FromScratch { get; init; }

    public required TrainRecipe Recipe { get; init; }

    /// <summary>For reports and provenance.</summary>
    internal string Method => FromScratch ? "train" : "finetune";

    /// <inheritdoc cref="TrainingRequest.Check"/>
    internal SupervisedRequest Checked()
    {
        Check(Recipe, Model.Architecture with { Classes = Data.ClassCount });
        return this;
    }
}

/// <summary>What training came to.</summary>
public sealed record SupervisedResult(long Steps, double Epochs, double Loss) : TrainingResult(Steps)
{
    public double? Top1 { get; init; }

    public double? Top5 { get; init; }

    public double? HoldOutTop1 { get; init; }

    /// <summary>Remarks: a replaced head.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
