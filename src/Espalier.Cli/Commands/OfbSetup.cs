using Espalier.Cli.Options;
using Espalier.Ofb;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>search</c> and <c>plan</c> to OFB and its switches.</summary>
internal static class OfbSetup
{
    public static OfbOptions Options(string profile, IEnumerable<KeyValuePair<string, string>> switches)
    {
        var options = OfbOptions.For(profile);
        foreach (var (topic, setting) in switches) options = options.With(topic, setting);
        return options;
    }

    /// <summary>The options with a training recipe; what a search does by itself is refused.</summary>
    /// <param name="options">The profile.</param>
    /// <param name="given">What was typed.</param>
    /// <param name="accumulate">Batches per step.</param>
    /// <param name="imageSize">Large images are mixed in the recovery unless something else was typed.</param>
    public static OfbOptions With(this OfbOptions options, TrainingSettings given, int? accumulate, int imageSize)
    {
        Refuse(given.Optimizer is not (null or "adamw"), "--optimizer");
        Refuse(given.WarmupEpochs is not null, "--warmup");
        Refuse(given.Ema is not null, "--ema");
        Refuse(given.LayerDecay is not null, "--layer-decay");
        return options with
        {
            Accumulate = accumulate ?? options.Accumulate,
            LinearRate = options.LinearRate && given.LearningRate is null,
            Recipe = given.Over(options.MixedFor(imageSize).Recipe),
        };
    }

    private static void Refuse(bool given, string option)
    {
        if (given) throw new UsageException($"{option} belongs to train and finetune; a search has AdamW and a schedule of its own.");
    }
}
