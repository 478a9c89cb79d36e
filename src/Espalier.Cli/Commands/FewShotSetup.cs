using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.MetricSets;
using Espalier.Models.Data;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c> and <c>rank</c> to the library's request.</summary>
internal static class FewShotSetup
{
    /// <summary>Time of a run that names neither steps nor minutes.</summary>
    private static readonly TimeSpan s_defaultTime = TimeSpan.FromMinutes(20);

    public static FewShotRequest Request(string model, Target target, MethodSettings method, string? images, int count, EffortSettings effort,
        CommandContext context, string? eval = null, int? batch = null)
    {
        var source = WeightedModel.Open(model, context);
        if (method.MultipleOf is > 1) throw new UsageException("--multiple-of: the sizes of dc-vit are exact; it takes no rounding.");
        return new FewShotRequest
        {
            Model = source,
            Target = target,
            Method = method.Method,
            Options = Options(method, batch),
            Images = images is null ? null : ImageDataset.Open(images, LabelPolicy.IfPresent),
            Count = count,
            SampleList = method.Samples,
            Eval = eval is null ? null : ImageDataset.Open(eval, LabelPolicy.Required),
            Effort = new FewShotEffort
            {
                Steps = effort.Steps,
                RankSteps = method.RankSteps,
                SynthesisSteps = method.SynthesisSteps,
                Time = effort.Steps is null ? effort.Time ?? s_defaultTime : null,
            },
            Seed = (ulong)context.Common.Seed,
            Compute = Computing.Of(context.Common),
            CacheFolder = CacheFolder(),
        };
    }

    public static DcVitOptions Options(MethodSettings method, int? batch = null)
    {
        var profile = DcVitProfile.Parse(method.Profile);
        foreach (var (topic, setting) in method.Switches) profile = profile.With(topic, setting);
        var defaults = DcVitOptions.For(profile);
        return defaults with
        {
            Variant = method.Method == "drop-blocks" ? BlockVariant.Drop : Variant(method.Variant),
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
                _ => UpdateRange.Before,
            },
            Feature = method.Feature switch
            {
                "pre_gap" => FeaturePoint.PreGap,
                "after_gap" => FeaturePoint.AfterGap,
                "middle_block" => FeaturePoint.MiddleBlock,
                _ => defaults.Feature,
            },
            Metric = method.Metric == "mse" ? MetricKind.Mse : MetricKind.Kl,
            MetricSet = method.MetricSet ?? defaults.MetricSet,
            K = method.K,
            Order = method.Order,
            Candidates = method.Blocks,
            Keep = Kept(method.Keep),
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

    // XDG's place for what can be made again.
    private static string CacheFolder() => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "espalier");

    private static BlockVariant Variant(string? name) => name switch
    {
        "rm_attn" => BlockVariant.RemoveAttention,
        "rm_ffn" => BlockVariant.RemoveMlp,
        "identity" => BlockVariant.Identity,
        "drop" => BlockVariant.Drop,
        _ => BlockVariant.Compress,
    };

    // Compressing a block takes its attention and part of its MLP at once, so keeping either keeps the block.
    private static ImmutableArray<int> Kept(ImmutableArray<string> parts) => [.. parts.Select(part => int.Parse(part.AsSpan(part.IndexOf(':') + 1))).Distinct()];
}
