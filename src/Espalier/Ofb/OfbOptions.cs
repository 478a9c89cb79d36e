using System.Globalization;
using System.Text.Json.Serialization;
using Espalier.Supervised;

namespace Espalier.Ofb;

/// <summary>The switches of OFB. The defaults are profile <c>clean</c>: the published code with its defects corrected, and what measured better.</summary>
public sealed record OfbOptions
{
    private static readonly SortedDictionary<string, (string Settings, Func<OfbOptions, string, OfbOptions> With)> s_topics = new(StringComparer.Ordinal)
    {
        ["cost"] = ("counter|official", (o, v) => o with { CounterCost = v == "counter" }),
        ["embed"] = ("search|fixed", (o, v) => o with { FixedEmbed = v == "fixed" }),
        ["guard"] = ("yes|no", (o, v) => o with { Guarded = v == "yes" }),
        ["importance_rate"] = ("alpha|weights", (o, v) => o with { FastImportance = v == "alpha" }),
        ["lambda"] = ("ramp|NUMBER", (o, v) => o with { Lambda = v == "ramp" ? null : double.Parse(v, NumberStyles.Float, CultureInfo.InvariantCulture) }),
        ["mask_position"] = ("yes|no", (o, v) => o with { MaskPositions = v == "yes" }),
        ["one_hot"] = ("yes|late|no", (o, v) => o with { OneHot = v switch { "yes" => OneHotLoss.Whole, "late" => OneHotLoss.Late, _ => OneHotLoss.None } }),
        ["pmim"] = ("yes|no", (o, v) => o with { Pmim = v == "yes" }),
        ["search_share"] = ("NUMBER", (o, v) => o with { SearchShare = double.Parse(v, NumberStyles.Float, CultureInfo.InvariantCulture) }),
        ["sizes"] = ("probability|importance", (o, v) => o with { SizesByImportance = v == "importance" }),
        ["variance"] = ("yes|no", (o, v) => o with { Variance = v == "yes" }),
        ["writes"] = ("all|input", (o, v) => o with { AllWrites = v == "all" }),
    };

    /// <summary>As the published code behaves, but for what crashes there (the residual stream stays pre-norm, sizes are whole numbers).</summary>
    public static OfbOptions Official { get; } = new()
    {
        AllWrites = false, MaskPositions = false, Clamped = false, CounterCost = false, Guarded = false, KeepMoments = false, AlphaPeak = null,
        LinearRate = true, OneHot = OneHotLoss.Whole, SearchShare = 0.5, Profile = "official",
    };

    /// <summary>The profile it began as, for reports.</summary>
    [JsonIgnore]
    public string Profile { get; init; } = "clean";

    /// <summary>The embedding's mask scales every write to the residual stream; otherwise the input alone.</summary>
    public bool AllWrites { get; init; } = true;

    /// <summary>Masked patches keep their position embedding.</summary>
    public bool MaskPositions { get; init; } = true;

    /// <summary>Bounds where the losses have poles: the one-hot loss and the weight of the reconstruction.</summary>
    public bool Clamped { get; init; } = true;

    /// <summary>
    /// The budget loss counts as the target does; otherwise by the published formula, which has attention's products in it: a target in MACs (full) is nearest to
    /// that, and one in MACs (budget) is pulled below.
    /// </summary>
    public bool CounterCost { get; init; } = true;

    /// <summary>The target is kept within reach and met; otherwise the budget loss is the only pressure.</summary>
    public bool Guarded { get; init; } = true;

    /// <summary>The optimizer goes on where it was when the gains are folded; otherwise it starts afresh.</summary>
    public bool KeepMoments { get; init; } = true;

    /// <summary>Sum of α's learning rate over the search, so that short searches decide, too; null gives α the rate of the weights.</summary>
    public double? AlphaPeak { get; init; } = 16;

    /// <summary>Importance learns at α's rate, as they share one in the published run; otherwise at that of the weights.</summary>
    public bool FastImportance { get; init; }

    /// <summary>The learning rate of the weights is 2.5e-4·batch/256; otherwise the recipe's.</summary>
    public bool LinearRate { get; init; }

    /// <summary>
    /// The one-hot loss, which drives every submodule to a decision. None by default: a short search is driven to decide before it has learned, and
    /// what it has reached at its end decides better (docs/results/ofb.md).
    /// </summary>
    public OneHotLoss OneHot { get; init; }

    /// <summary>The one-hot loss has its Var part; otherwise the entropy alone.</summary>
    public bool Variance { get; init; } = true;

    /// <summary>Masked image modelling while searching.</summary>
    public bool Pmim { get; init; } = true;

    /// <summary>λ, when it shall not fall from 0.99 to 0.1.</summary>
    public double? Lambda { get; init; }

    /// <summary>
    /// Share of the run, in [0, 1], after which the search must be over; the rest is recovery at the size that was found. What a search has settled
    /// after a fifth of a run is worth less than the epochs it would take to settle more (docs/results/ofb.md).
    /// </summary>
    public double SearchShare { get; init; } = 0.2;

    /// <summary>Keep all residual channels.</summary>
    public bool FixedEmbed { get; init; }

    /// <summary>Sizes are chosen after the importance was learned, by what would be kept of it, instead of together with it (as ViT-Slim does).</summary>
    public bool SizesByImportance { get; init; }

    /// <summary>
    /// Batch, learning rate, weight decay, smoothing, erasing and drop-path; mixup and CutMix are for the recovery alone. Warm-up, averaging and
    /// clipping are not used.
    /// </summary>
    public TrainRecipe Recipe { get; init; } = new()
    {
        LearningRate = 5e-4, WeightDecay = 1e-3, DropPath = 0.1, RandomErasing = 0.25,
    };

    /// <summary>Batches per step, at least 1.</summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>Weight of the budget loss, and of the one-hot loss with its L1.</summary>
    internal (double Budget, double OneHot) LossWeights => SizesByImportance ? (0, 0.5) : (5, 0.5);

    /// <summary>Highest learning rate in use.</summary>
    public double Peak => LinearRate ? 2.5e-4 * Recipe.BatchSize * Accumulate / 256 : Recipe.LearningRate;

    /// <summary>Lists every value out of its range, those of <see cref="Recipe"/> apart.</summary>
    /// <exception cref="UsageException">At least one is.</exception>
    public void Validate()
    {
        var faults = new FaultList();
        faults.Unless(SearchShare is >= 0 and <= 1, $"search share {SearchShare} (in [0, 1])");
        faults.Unless(Lambda is null or (>= 0 and <= 1), $"lambda {Lambda} (in [0, 1])");
        faults.Unless(AlphaPeak is null || (AlphaPeak > 0 && double.IsFinite(AlphaPeak.Value)), $"sum of alpha's rate {AlphaPeak} (above 0)");
        faults.Unless(Guarded || !SizesByImportance, $"sizes by importance without the guard (what is kept is chosen within the budget, which nothing else holds to)");
        faults.Unless(Accumulate >= 1, $"{Accumulate} batches a step (at least 1)");
        faults.Throw("OFB");
    }

    /// <summary>The options of a profile.</summary>
    public static OfbOptions For(string profile) => profile switch
    {
        "clean" => new(),
        "official" => Official,
        _ => throw new UsageException($"There is no profile {profile}; the profiles are clean and official.") { Settings = ["Profile"] },
    };

    /// <summary>The options with a recovery that mixes images when they are large, as the published recipe does, and does not when they are small.</summary>
    public OfbOptions MixedFor(int imageSize) => this with { Recipe = Recipe with { MixUp = imageSize > 64 ? 0.8 : 0, CutMix = imageSize > 64 ? 1 : 0 } };

    /// <summary>The options with one switch changed.</summary>
    /// <exception cref="UsageException">Unknown topic or setting.</exception>
    public OfbOptions With(string topic, string setting)
    {
        if (!s_topics.TryGetValue(topic, out var entry))
            throw new UsageException($"{topic}: there is no such topic; the topics are {string.Join(", ", s_topics.Keys)}.") { Settings = ["Switch"] };
        var known = entry.Settings.Split('|');
        var isNumber = known.Contains("NUMBER") && double.TryParse(setting, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number is >= 0 and <= 1;
        return isNumber || (known.Contains(setting) && setting != "NUMBER") ? entry.With(this, setting)
            : throw new UsageException($"{topic}={setting}: {topic} is one of {string.Join(", ", known)}.") { Settings = ["Switch"] };
    }
}
