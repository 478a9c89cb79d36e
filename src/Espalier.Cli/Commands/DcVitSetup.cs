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
        var defaults = DcVitOptions.For(DcVitProfile.Parse(method.Profile));
        foreach (var (topic, setting) in method.Switches) defaults = defaults.With(topic, setting);
        return defaults with
        {
            Variant = Variant(method.Variant, net),
            Once = method.Variant == "once",
            MlpInit = method.UnitChoice switch
            {
                "gelu_sample" => MlpInit.GeluSample,
                "rand_init" => MlpInit.RandomInit,
                _ => MlpInit.RandomSample,
            },
            Finetune = method.Over(defaults.Finetune, batch),
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
