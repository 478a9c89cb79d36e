using System.Globalization;
using Espalier.Models;
using Espalier.Repair;
using Espalier.Training;
using Espalier.Widths;

namespace Espalier.OwnMethod;

/// <summary>Single switches of the method by name, for ablations: <c>--switch topic=setting</c>.</summary>
public static class EspalierSwitches
{
    private static readonly Dictionary<string, Func<EspalierOptions, string, EspalierOptions>> s_topics = new()
    {
        ["repair"] = (o, s) => Repair(o, r => r with { Solve = On(s) }),
        ["refit_whole"] = (o, s) => Repair(o, r => r with { RefitWhole = On(s) }),
        ["weigh_tokens"] = (o, s) => Repair(o, r => r with { WeighTokens = On(s) }),
        ["weigh_channels"] = (o, s) => Repair(o, r => r with { WeighChannels = On(s) }),
        ["compensation"] = (o, s) => Repair(o, r => r with { Compensation = Number(s) }),
        ["correction"] = (o, s) => Repair(o, r => r with { Correction = Number(s) }),
        ["correction_share"] = (o, s) => Repair(o, r => r with { CorrectionShare = Number(s) }),
        ["strength"] = (o, s) => Repair(o, r => s == "left_out" ? r with { LeaveOut = true } : r with { Strength = Number(s) }),
        ["units"] = (o, s) => Repair(o, r => r with
        {
            UnitChoice = s switch
            {
                "elimination" => RepairUnitChoice.Elimination,
                "variance" => RepairUnitChoice.Variance,
                "random" => RepairUnitChoice.Random,
                _ => throw new FormatException(),
            },
        }),
        ["query_key"] = (o, s) => Width(o, WidthKind.QueryKey, On(s)),
        ["value"] = (o, s) => Width(o, WidthKind.Value, On(s)),
        ["hidden"] = (o, s) => Width(o, WidthKind.Hidden, On(s)),
        ["crops"] = (o, s) => o with { Crops = Whole(s) },
        ["mix_crops"] = (o, s) => o with { MixCrops = On(s) },
        ["merge_tokens"] = (o, s) => o with { MergeTokens = On(s) },
        ["merging_blocks"] = (o, s) => o with
        {
            MergingBlocks = s switch
            {
                "few" => MergingBlocks.Few,
                "middle" => MergingBlocks.Middle,
                "every" => MergingBlocks.Every,
                _ => throw new FormatException(),
            },
        },
        ["merging_rounds"] = (o, s) => o with { MergingRounds = Math.Max(1, Whole(s)) },
        ["rounds"] = (o, s) => o with { Rounds = Math.Max(1, Whole(s)) },
        ["search_images"] = (o, s) => o with { SearchImages = Whole(s) },
        ["repair_images"] = (o, s) => o with { RepairImages = Whole(s) },
        ["blend"] = (o, s) => o with { Blend = On(s) },
        ["refit"] = (o, s) => o with { Refit = Number(s) },
        ["features"] = (o, s) => Distil(o, d => d with { FeatureWeight = Number(s) }),
        ["feature_every"] = (o, s) => Distil(o, d => d with { FeatureEvery = Whole(s) }),
        ["logits"] = (o, s) => Distil(o, d => d with { LogitWeight = Number(s) }),
        ["pull"] = (o, s) => Distil(o, d => d with { Pull = Number(s) }),
        ["ema"] = (o, s) => Distil(o, d => d with { Ema = Number(s) }),
        ["mix"] = (o, s) => Distil(o, d => d with { Mix = Number(s) }),
        ["min_crop"] = (o, s) => Distil(o, d => d with { MinCropArea = Number(s) }),
        ["synthetic_inputs"] = (o, s) => Distil(o, d => d with { SyntheticInputs = On(s) }),
        ["batch_norm"] = (o, s) => Distil(o, d => d with { BatchStatistics = s switch { "batch" => true, "running" => false, _ => throw new FormatException() } }),
        ["optimizer"] = (o, s) => Distil(o, d => d with
        {
            Optimizer = s switch { "adamw" => OptimizerKind.AdamW, "muon" => OptimizerKind.Muon, _ => throw new FormatException() },
        }),
    };

    /// <summary>The options with one switch set.</summary>
    /// <exception cref="UsageException">There is no such topic, or it has no such setting.</exception>
    public static EspalierOptions With(this EspalierOptions options, string topic, string setting)
    {
        if (!s_topics.TryGetValue(topic, out var set))
            throw new UsageException($"{topic}: the topics of espalier are {string.Join(", ", s_topics.Keys.Order(StringComparer.Ordinal))}.") { Settings = ["Switch"] };
        try
        {
            return set(options, setting);
        }
        catch (FormatException)
        {
            throw new UsageException($"{topic}={setting}: {topic} has no such setting.") { Settings = ["Switch"] };
        }
    }

    private static EspalierOptions Repair(EspalierOptions options, Func<RepairOptions, RepairOptions> change) =>
        options with { Repair = change(options.Repair) };

    private static EspalierOptions Distil(EspalierOptions options, Func<DistillationOptions, DistillationOptions> change) =>
        options with { Distillation = change(options.Distillation) };

    private static EspalierOptions Width(EspalierOptions options, WidthKind kind, bool on) =>
        options with { Widths = on ? [.. options.Widths.Append(kind).Distinct()] : options.Widths.Remove(kind) };

    private static bool On(string setting) => setting switch { "on" => true, "off" => false, _ => throw new FormatException() };

    private static int Whole(string setting) => int.TryParse(setting, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw new FormatException();

    private static double Number(string setting) =>
        double.Parse(setting, NumberStyles.Float, CultureInfo.InvariantCulture) is var number && double.IsFinite(number) && number >= 0
            ? number : throw new FormatException();
}
