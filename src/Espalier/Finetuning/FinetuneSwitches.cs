using System.Globalization;
using Espalier.Training;

namespace Espalier.Finetuning;

/// <summary>Single choices of a finetune, by name: <c>--switch topic=setting</c>.</summary>
public static class FinetuneSwitches
{
    private static readonly SortedDictionary<string, Func<FinetuneOptions, string, FinetuneOptions?>> s_topics = new(StringComparer.Ordinal)
    {
        ["batch_norm"] = (f, v) => v is "batch" or "running" ? f with { BatchStatistics = v == "batch" } : null,
        ["clip"] = (f, v) => v == "none" ? f with { ClipNorm = null }
            : double.TryParse(v, NumberStyles.Float, CultureInfo.InvariantCulture, out var norm) && norm > 0 ? f with { ClipNorm = norm } : null,
        ["final_norm"] = (f, v) => v is "trained" or "frozen" ? f with { TrainFinalNorm = v == "trained" } : null,
        ["normalization"] = (f, v) => From(v) is { } o ? f with { ImageNetNormalization = o.ImageNetNormalization } : null,
        ["schedule"] = (f, v) => From(v) is { } o ? f with { EpochSchedule = o.EpochSchedule } : null,
        ["update_cap"] = (f, v) => From(v) is { } o ? f with { LastUpdatable = o.LastUpdatable } : null,
        ["warmup"] = (f, v) => v switch
        {
            "loss" => f with { WarmUp = WarmUp.Loss },
            "lr" => f with { WarmUp = WarmUp.LearningRate },
            "none" => f with { WarmUp = WarmUp.None },
            _ => null,
        },
    };

    /// <summary>Every topic, in ordinal order.</summary>
    public static IEnumerable<string> Topics => s_topics.Keys;

    /// <summary>The options with one choice changed.</summary>
    /// <param name="options">The options so far.</param>
    /// <param name="topic">A name of <see cref="Topics"/>.</param>
    /// <param name="setting"><c>clean</c> or <c>official</c>, or the topic's own settings (loss|lr|none, trained|frozen, a norm).</param>
    /// <exception cref="UsageException">Unknown topic or setting.</exception>
    public static FinetuneOptions With(this FinetuneOptions options, string topic, string setting)
    {
        if (!s_topics.TryGetValue(topic, out var change))
            throw new UsageException($"{topic}: there is no such topic; the topics are {string.Join(", ", Topics)}.") { Settings = ["Switch"] };
        return change(options, setting) ?? throw new UsageException($"{topic}={setting}: {topic} has no such setting.") { Settings = ["Switch"] };
    }

    private static FinetuneOptions? From(string profile) => profile switch
    {
        "clean" => new(),
        "official" => FinetuneOptions.Official,
        _ => null,
    };
}
