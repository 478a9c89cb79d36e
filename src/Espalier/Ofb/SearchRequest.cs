using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Reports;
using Espalier.Supervised;

namespace Espalier.Ofb;

/// <summary>What <c>search</c> does; images must be of the model's classes, those kept aside are measured at every stage.</summary>
public sealed record SearchRequest : TrainingRequest
{
    public required Target Target { get; init; }

    public required OfbOptions Options { get; init; }

    /// <summary>Every change of a width is told.</summary>
    public bool TellWidths { get; init; }

    /// <inheritdoc cref="TrainingRequest.Check"/>
    internal SearchRequest Checked()
    {
        if (Data.RequireLabels().ClassCount != Model.Architecture.Classes)
            throw new InputException($"The data has {Data.ClassCount} classes, the model {Model.Architecture.Classes}; finetune the model on this data first.");
        Options.Validate();
        Check(Options.Recipe, Model.Architecture);
        return this;
    }

    /// <summary>Images to keep aside of a set when nothing else is said: a tenth, at most 1,000.</summary>
    public static int DefaultHoldOut(ImageDataset data) => Math.Min(1000, (data.Count + 9) / 10);
}

/// <summary>The network when its sizes were decided (<c>cut</c>) or at the end (<c>finetuned</c>); the metric is the cross-entropy on images kept aside.</summary>
public sealed record SearchStage(string Stage, long Steps, double Metric, double? Top1, double? Top5);

/// <summary>What a search came to.</summary>
public sealed record SearchResult(Cost Before, VitArchitecture Net, long Steps, ImmutableArray<SearchStage> Stages) : TrainingResult(Steps)
{
    public Cost After => VitCost.Of(Net);

    public double? Top1Before { get; init; }

    public double? Top5Before { get; init; }

    /// <summary>How the search went.</summary>
    public IReadOnlyList<ReportMoment> History { get; init; } = [];
}
