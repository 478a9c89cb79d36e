using System.Globalization;
using Espalier.Training;

namespace Espalier.DcVit;

/// <summary>Single rows of the profile table, chosen by name: <c>--switch topic=setting</c>.</summary>
public static class ProfileSwitches
{
    private static readonly SortedDictionary<string, Func<DcVitProfile, string, DcVitProfile?>> s_topics = new(StringComparer.Ordinal)
    {
        ["batch_norm"] = (p, v) => v is "batch" or "running" ? p with { BatchStatistics = v == "batch" } : null,
        ["candidates"] = (p, v) => From(v) is { } o ? p with { LastCandidate = o.LastCandidate } : null,
        ["carry_over"] = (p, v) => YesNo(v) is { } on ? p with { CarryOver = on } : null,
        ["clip"] = (p, v) => v == "none" ? p with { ClipNorm = null }
            : double.TryParse(v, CultureInfo.InvariantCulture, out var norm) && norm > 0 ? p with { ClipNorm = norm } : null,
        ["default_k"] = (p, v) => From(v) is { } o ? p with { PreferredMlpRatio = o.PreferredMlpRatio } : null,
        ["final_norm"] = (p, v) => v is "trained" or "frozen" ? p with { TrainFinalNorm = v == "trained" } : null,
        ["metric_storage"] = (p, v) => From(v) is { } o ? p with { LossyMetricSet = o.LossyMetricSet } : null,
        ["norm_eps"] = (p, v) => From(v) is { } o ? p with { CompressedNormEps = o.CompressedNormEps } : null,
        ["normalization"] = (p, v) => From(v) is { } o ? p with { ImageNetNormalization = o.ImageNetNormalization } : null,
        ["repair"] = (p, v) => YesNo(v) is { } on ? p with { Repair = on } : null,
        ["rerank"] = (p, v) => YesNo(v) is { } on ? p with { Rerank = on } : null,
        ["rounding"] = (p, v) => From(v) is { } o ? p with { RoundingGuard = o.RoundingGuard } : null,
        ["schedule"] = (p, v) => From(v) is { } o ? p with { EpochSchedule = o.EpochSchedule } : null,
        ["unit_rng"] = (p, v) => From(v) is { } o ? p with { GlobalUnitRandom = o.GlobalUnitRandom } : null,
        ["update_cap"] = (p, v) => From(v) is { } o ? p with { LastUpdatable = o.LastUpdatable } : null,
        ["warmup"] = (p, v) => v switch
        {
            "loss" => p with { WarmUp = WarmUp.Loss },
            "lr" => p with { WarmUp = WarmUp.LearningRate },
            "none" => p with { WarmUp = WarmUp.None },
            _ => null,
        },
    };

    /// <summary>Every topic, in ordinal order.</summary>
    public static IEnumerable<string> Topics => s_topics.Keys;

    /// <summary>The profile with one row changed.</summary>
    /// <param name="profile">The profile so far.</param>
    /// <param name="topic">A name of <see cref="Topics"/>.</param>
    /// <param name="setting"><c>clean</c> or <c>official</c>, or the topic's own settings (yes|no, loss|lr|none, trained|frozen, a norm).</param>
    /// <exception cref="UsageException">Unknown topic or setting.</exception>
    public static DcVitProfile With(this DcVitProfile profile, string topic, string setting)
    {
        if (!s_topics.TryGetValue(topic, out var change))
            throw new UsageException($"--switch {topic}: there is no such topic; the topics are {string.Join(", ", Topics)}.");
        return change(profile, setting) ?? throw new UsageException($"--switch {topic}={setting}: {topic} has no such setting.");
    }

    private static DcVitProfile? From(string name) => name is "clean" or "official" ? DcVitProfile.Parse(name) : null;

    private static bool? YesNo(string value) => value switch
    {
        "yes" => true,
        "no" => false,
        _ => null,
    };
}
