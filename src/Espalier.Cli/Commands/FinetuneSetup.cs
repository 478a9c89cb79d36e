using Espalier.Cli.Options;
using Espalier.DcVit;
using Espalier.Finetuning;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c>, <c>rank</c> and <c>plan</c> to how DC-ViT and the baselines finetune.</summary>
internal static class FinetuneSetup
{
    /// <summary>The finetune of the baselines that cut every width alike: that of a profile, with the switches that were typed.</summary>
    public static FinetuneOptions Finetune(this MethodSettings method, int? batch)
    {
        var options = DcVitOptions.For(DcVitProfile.Parse(method.Profile)).Finetune;
        foreach (var (topic, setting) in method.Switches) options = options.With(topic, setting);
        return method.Over(options, batch);
    }

    /// <param name="method">What was typed.</param>
    /// <param name="defaults">What holds where nothing was.</param>
    /// <param name="batch">Images per gradient step.</param>
    public static FinetuneOptions Over(this MethodSettings method, FinetuneOptions defaults, int? batch) => defaults with
    {
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
