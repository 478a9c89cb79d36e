using Espalier.Baselines;
using Espalier.Cli.Options;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Cnn;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c>, <c>rank</c> and <c>plan</c> to DC-ViT and its switches.</summary>
internal static class DcVitSetup
{
    /// <summary>The method for a request; it plans.</summary>
    public static DcVitMethod Method(FewShotRequest request, MethodSettings method, TimeProvider time, int? batch = null, bool measureCandidates = false)
    {
        // PRACTISE scores on the images it recovers on.
        return new DcVitMethod(method.Method == MethodTable.Practise ? request.WithRealImages(method) : request,
            Options(method, request.Model.Architecture, batch) with { MeasureCandidates = measureCandidates }, time);
    }

    public static DcVitOptions Options(MethodSettings method, Architecture net, int? batch = null)
    {
        var profile = DcVitProfile.Parse(method.Profile);
        foreach (var (topic, setting) in method.Switches) profile = profile.With(topic, setting);
        var defaults = DcVitOptions.For(profile);
        var options = defaults with
        {
            Variant = method.Method == MethodTable.DropBlocks ? BlockVariant.Drop : Variant(method.Variant, net),
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
                // The baselines finetune everything but the head.
                _ => method.Method is MethodTable.Practise or MethodTable.Magnitude or MethodTable.Random ? UpdateRange.All : UpdateRange.Before,
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
        return method.Method == MethodTable.Practise ? Practise.Options(options, FewShotSetup.Metric(method)) : options;
    }

    // Whole blocks of a convolutional network go unless something else is asked for: how the paper narrows them is not known.
    private static BlockVariant Variant(string? name, Architecture net) => name switch
    {
        "cnn-drop" or "cnn-dense" when net is not CnnArchitecture => throw new UsageException($"--variant {name}: {net.Name} is no convolutional network; give dense or drop."),
        "cnn-dense" => BlockVariant.Compress,
        null or "once" or "cnn-drop" when net is CnnArchitecture => BlockVariant.Drop,
        "rm_attn" => BlockVariant.RemoveAttention,
        "rm_ffn" => BlockVariant.RemoveMlp,
        "identity" => BlockVariant.Identity,
        "drop" => BlockVariant.Drop,
        _ => BlockVariant.Compress,
    };
}
