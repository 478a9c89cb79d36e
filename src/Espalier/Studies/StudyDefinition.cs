using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Espalier.Studies;

/// <summary>
/// A study file: everything that is varied, each as a list, and what all rows share. A row is one command line; the rows are all combinations.
/// Texts with arguments are split at spaces; <c>{name}</c> in them stands for a variable.
/// </summary>
public sealed record StudyDefinition
{
    /// <summary>What the study asks, in a sentence.</summary>
    public string About { get; init; } = "";

    /// <summary>Variables and what they are unless set otherwise; null must be set.</summary>
    public Dictionary<string, string?> Variables { get; init; } = [];

    /// <summary>The command of every row: <c>compress</c>, <c>search</c> or <c>rank</c>.</summary>
    public string Command { get; init; } = "compress";

    /// <summary>Models, as MODEL of that command.</summary>
    public ImmutableArray<string> Models { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Methods by name.</summary>
    public Dictionary<string, StudyMethod> Methods { get; init; } = [];

    /// <summary>Targets, as TARGET of that command.</summary>
    public ImmutableArray<string> Targets { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Numbers of images (<c>-n</c>); empty leaves that to the command.</summary>
    public ImmutableArray<int> Images { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Further arguments by name, such as the rows of an ablation.</summary>
    public Dictionary<string, string> Switches { get; init; } = [];

    /// <summary>Seeds.</summary>
    public ImmutableArray<long> Seeds { get; init => field = value.IsDefault ? [] : value; } = [0];

    /// <summary>Arguments all rows share: data and effort.</summary>
    public string Arguments { get; init; } = "";

    /// <summary>The learning rates a method may choose from; null leaves it at what its arguments say.</summary>
    public StudyGrid? LearningRates { get; init; }

    /// <summary>A second command on what a row made, such as a finetune on other data; null does none.</summary>
    public StudyFollowUp? Then { get; init; }

    /// <summary>What is measured on every result besides what its report tells.</summary>
    public StudyMeasures Measure { get; init; } = new();
}

/// <summary>One method of a study. What it gives itself replaces what the study gives.</summary>
public sealed record StudyMethod
{
    /// <summary>Its arguments, as a rule <c>--method NAME</c>.</summary>
    public string Arguments { get; init; } = "";

    /// <summary>The given model as it is, for comparison: nothing is run but what follows and what is measured.</summary>
    public bool Dense { get; init; }

    public string? Command { get; init; }

    public ImmutableArray<string>? Targets { get; init; }

    public ImmutableArray<int>? Images { get; init; }

    public Dictionary<string, string>? Switches { get; init; }

    /// <summary>Replaces the arguments all rows share.</summary>
    public string? Shared { get; init; }

    /// <summary>False: it takes no part in the choice of a learning rate.</summary>
    public bool Tuned { get; init; } = true;

    public StudyFollowUp? Then { get; init; }
}

/// <summary>
/// Choice of a learning rate: the same rates for every method, each run once with a seed of its own and without evaluation images; the
/// one whose result is nearest to the teacher on training images that were not drawn is taken.
/// </summary>
public sealed record StudyGrid
{
    /// <summary>The rates.</summary>
    [JsonRequired]
    public ImmutableArray<double> Grid { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Seed of these runs; best none of the study's.</summary>
    public long Seed { get; init; } = 1000;

    /// <summary>Axes along which a choice of its own is made, of <c>model, method, target, images, switch</c>; along others the first value decides.</summary>
    public ImmutableArray<string> Per { get; init => field = value.IsDefault ? [] : value; } = ["model", "method"];

    /// <summary>Replaces the arguments all rows share, for shorter runs; evaluation images are left out in any case.</summary>
    public string? Shared { get; init; }
}

/// <summary>A command on the model a row made.</summary>
public sealed record StudyFollowUp
{
    [JsonRequired]
    public string Command { get; init; } = "";

    public string Arguments { get; init; } = "";
}

/// <summary>Measurements of every result against the model it was made from.</summary>
public sealed record StudyMeasures
{
    /// <summary>Labelled images for accuracy, agreement and KL, outside of the row's minutes (<c>evaluate --against</c>); null measures none.</summary>
    public string? Evaluate { get; init; }

    /// <summary>Batch sizes to measure latency at, both models in turn (<c>bench --against</c>).</summary>
    public ImmutableArray<int> Latency { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Runs of each such measurement.</summary>
    public int LatencyRuns { get; init; } = 50;
}
