using Espalier.Cli.Options;
using Espalier.DcVit;
using Espalier.Models;
using Espalier.Models.Cnn;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c>, <c>rank</c> and <c>plan</c> to the switches of DC-ViT, and of the baselines made of its steps.</summary>
internal static class DcVitSetup
{
    public static DcVitOptions Options(MethodSettings method, Architecture net, int? batch = null)
    {
        if (method.MergeTokens) throw new UsageException("--merge-tokens belongs to --method espalier.");
        if (method.Like is not null) throw new UsageException("--like belongs to --method espalier.");
        if (method.MultipleOf is > 1) throw new UsageException("--multiple-of: the sizes of dc-vit are exact; it takes no rounding.");
        if (method is { Method: MethodNames.Practise, Variant: not null }) throw new UsageException("--variant: practise drops whole blocks, all of them together.");
        var profile = DcVitProfile.Parse(method.Profile);
        foreach (var (topic, setting) in method.Switches) profile = profile.With(topic, setting);
        var defaults = DcVitOptions.For(profile);
        return defaults with
        {
            Variant = Variant(method.Variant, net),
            Once = method.Variant == "once",
            UnitChoice = method.UnitChoice switch
            {
                "gelu_sample" => UnitChoice.GeluSample,
                "rand_init" => UnitChoice.RandomInit,
                _ => UnitChoice.RandomSample,
            },
            Update = method.Update switch
            {
                "all" => UpdateRange.All,
                "inter" => UpdateRange.Inter,
                "ln" => UpdateRange.LayerNorms,
                "ffn_bias" => UpdateRange.MlpBiases,
                "attn" => UpdateRange.Attention,
                "before" => UpdateRange.Before,
                _ => null,
            },
            Feature = method.Feature switch
            {
                "pre_gap" => FeaturePoint.PreGap,
                "after_gap" => FeaturePoint.AfterGap,
                "middle_block" => FeaturePoint.MiddleBlock,
                _ => defaults.Feature,
            },
            Loss = method.Loss switch
            {
                "kd" => FinetuneLoss.SoftLabels,
                "labels" => FinetuneLoss.Labels,
                _ => FinetuneLoss.Mimic,
            },
            Choice = method.Choice switch
            {
                "first" => BlockChoice.First,
                "last" => BlockChoice.Last,
                "random" => BlockChoice.Random,
                _ => BlockChoice.Ranked,
            },
            K = method.K,
            Order = method.Order,
            Candidates = method.Blocks,
            Keep = FewShotSetup.Kept(method.Keep),
            BatchSize = batch ?? defaults.BatchSize,
            LearningRate = method.LearningRate ?? defaults.LearningRate,
            RandAugment = method.Augment switch
            {
                "full" => true,
                "crop" => false,
                _ => defaults.RandAugment,
            },
        };
    }

    private static BlockVariant? Variant(string? name, Architecture net) => name switch
    {
        "cnn-drop" or "cnn-dense" when net is not CnnArchitecture => throw new UsageException($"--variant {name}: {net.Name} is no convolutional network; give dense or drop."),
        null or "once" => null,
        "rm_attn" => BlockVariant.RemoveAttention,
        "rm_ffn" => BlockVariant.RemoveMlp,
        "identity" => BlockVariant.Identity,
        "drop" or "cnn-drop" => BlockVariant.Drop,
        _ => BlockVariant.Compress,
    };
}
