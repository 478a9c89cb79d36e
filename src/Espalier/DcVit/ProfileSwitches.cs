using Espalier.Finetuning;

namespace Espalier.DcVit;

/// <summary>Single rows of the profile table, chosen by name: <c>--switch topic=setting</c>.</summary>
public static class ProfileSwitches
{
    private static readonly SortedDictionary<string, Func<DcVitProfile, string, DcVitProfile?>> s_topics = new(StringComparer.Ordinal)
    {
        ["candidates"] = (p, v) => From(v) is { } o ? p with { LastCandidate = o.LastCandidate } : null,
        ["carry_over"] = (p, v) => YesNo(v) is { } on ? p with { CarryOver = on } : null,
        ["default_k"] = (p, v) => From(v) is { } o ? p with { PreferredMlpRatio = o.PreferredMlpRatio } : null,
        ["metric_storage"] = (p, v) => From(v) is { } o ? p with { LossyMetricSet = o.LossyMetricSet } : null,
        ["norm_eps"] = (p, v) => From(v) is { } o ? p with { CompressedNormEps = o.CompressedNormEps } : null,
        ["ranking"] = (p, v) => v is "whole" or "local" ? p with { LocalRanking = v == "local" } : null,
        ["repair"] = (p, v) => YesNo(v) is { } on ? p with { Repair = on } : null,
        ["rerank"] = (p, v) => YesNo(v) is { } on ? p with { Rerank = on } : null,
        ["rounding"] = (p, v) => From(v) is { } o ? p with { RoundingGuard = o.RoundingGuard } : null,
        ["unit_rng"] = (p, v) => From(v) is { } o ? p with { GlobalUnitRandom = o.GlobalUnitRandom } : null,
    };

    /// <summary>Every topic, those of the finetune included, in ordinal order.</summary>
    public static IEnumerable<string> Topics => s_topics.Keys.Concat(FinetuneSwitches.Topics).Order(StringComparer.Ordinal);

    /// <summary>The options with one row changed.</summary>
    /// <param name="options">The options so far.</param>
    /// <param name="topic">A name of <see cref="Topics"/>.</param>
    /// <param name="setting"><c>clean</c> or <c>official</c>, or the topic's own settings (yes|no, loss|lr|none, trained|frozen, a norm).</param>
    /// <exception cref="UsageException">Unknown topic or setting.</exception>
    public static DcVitOptions With(this DcVitOptions options, string topic, string setting)
    {
        if (FinetuneSwitches.Topics.Contains(topic)) return options with { Finetune = options.Finetune.With(topic, setting) };
        if (!s_topics.TryGetValue(topic, out var change))
            throw new UsageException($"{topic}: there is no such topic; the topics are {string.Join(", ", Topics)}.") { Settings = ["Switch"] };
        return options with
        {
            Profile = change(options.Profile, setting) ?? throw new UsageException($"{topic}={setting}: {topic} has no such setting.") { Settings = ["Switch"] },
        };
    }

    private static DcVitProfile? From(string name) => name is "clean" or "official" ? DcVitProfile.Parse(name) : null;

    private static bool? YesNo(string value) => value switch
    {
        "yes" => true,
        "no" => false,
        _ => null,
    };
}
