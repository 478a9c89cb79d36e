using System.CommandLine;
using Espalier.Supervised;
using Espalier.Training;

namespace Espalier.Cli.Options;

/// <summary>The recipe of supervised training, as read; null means the recipe's own default.</summary>
public sealed record TrainingSettings
{
    public int? Batch { get; init; }

    public string? Optimizer { get; init; }

    public double? LearningRate { get; init; }

    public double? WeightDecay { get; init; }

    public double? WarmupEpochs { get; init; }

    public double? LabelSmoothing { get; init; }

    public double? Mixup { get; init; }

    public double? Cutmix { get; init; }

    public double? RandomErasing { get; init; }

    public double? DropPath { get; init; }

    public double? Ema { get; init; }

    public double? LayerDecay { get; init; }

    /// <summary>Training images kept aside to choose a recipe on.</summary>
    public int? HoldOut { get; init; }

    public bool Strict { get; init; }

    /// <summary>The recipe with everything that was typed in place of its own.</summary>
    public TrainRecipe Over(TrainRecipe recipe) => recipe with
    {
        BatchSize = Batch ?? recipe.BatchSize,
        Optimizer = Optimizer switch
        {
            "muon" => OptimizerKind.Muon,
            "sgd" => OptimizerKind.Sgd,
            _ => recipe.Optimizer,
        },
        LearningRate = LearningRate ?? recipe.LearningRate,
        WeightDecay = WeightDecay ?? recipe.WeightDecay,
        WarmUpEpochs = WarmupEpochs ?? recipe.WarmUpEpochs,
        LabelSmoothing = LabelSmoothing ?? recipe.LabelSmoothing,
        MixUp = Mixup ?? recipe.MixUp,
        CutMix = Cutmix ?? recipe.CutMix,
        RandomErasing = RandomErasing ?? recipe.RandomErasing,
        DropPath = DropPath ?? recipe.DropPath,
        Ema = Ema ?? recipe.Ema,
        LayerDecay = LayerDecay,
    };
}

/// <summary>The recipe of supervised training.</summary>
public sealed class TrainingOptions : OptionGroup
{
    private readonly Option<string> _optimizer;
    private readonly Option<int?> _batch, _holdOut;
    private readonly Option<bool> _strict;
    private readonly Option<double?> _lr, _weightDecay, _warmup, _smoothing, _mixup, _cutmix, _erasing, _dropPath, _ema, _layerDecay;

    public TrainingOptions() : base("Recipe")
    {
        _batch = AddNumber<int>("--batch", "N", "Images per gradient step.", 1);
        _optimizer = AddChoice("--optimizer", ["adamw", "muon", "sgd"], "What moves the weights (default adamw).");
        _lr = Share("--lr", "X", "Learning rate at its highest.");
        _weightDecay = Share("--weight-decay", "X", "Weight decay.");
        _warmup = Share("--warmup", "E", "Epochs of warm-up.");
        _smoothing = Share("--smoothing", "X", "Label smoothing.");
        _mixup = Share("--mixup", "A", "Mixup's alpha; 0 is off.");
        _cutmix = Share("--cutmix", "A", "Cutmix' alpha; 0 is off.");
        _erasing = Share("--erasing", "P", "Probability of random erasing.");
        _dropPath = Share("--drop-path", "P", "Drop-path rate of the last block.");
        _ema = Share("--ema", "D", "Decay of the weights' moving average; 0 is off.");
        _layerDecay = Share("--layer-decay", "X", "Factor on the learning rate per block, counted from the head (default: none).");
        _holdOut = AddNumber<int>("--hold-out", "N", "Keep N training images aside and measure on them.", 1);
        _strict = AddFlag("--strict", "Stop at a training image that cannot be read (default: go on without it and count it).");
    }

    public TrainingSettings Read(ParseResult parsed) => new()
    {
        Batch = parsed.GetValue(_batch), Optimizer = parsed.GetValue(_optimizer), LearningRate = parsed.GetValue(_lr), WeightDecay = parsed.GetValue(_weightDecay),
        WarmupEpochs = parsed.GetValue(_warmup), LabelSmoothing = parsed.GetValue(_smoothing), Mixup = parsed.GetValue(_mixup),
        Cutmix = parsed.GetValue(_cutmix), RandomErasing = parsed.GetValue(_erasing), DropPath = parsed.GetValue(_dropPath),
        Ema = parsed.GetValue(_ema), LayerDecay = parsed.GetValue(_layerDecay),
        HoldOut = parsed.GetValue(_holdOut), Strict = parsed.GetValue(_strict),
    };

    private Option<double?> Share(string name, string value, string description) => AddNumber<double>(name, value, description, 0);
}
