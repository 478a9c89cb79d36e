using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.FewShot;
using Espalier.MetricSets;
using Espalier.Models.Data;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c> and <c>rank</c> to what all methods are asked.</summary>
internal static class FewShotSetup
{
    /// <summary>Time of a run that names neither steps nor minutes.</summary>
    private static readonly TimeSpan s_defaultTime = TimeSpan.FromMinutes(20);

    public static FewShotRequest Request(string model, Target target, MethodSettings method, string? images, int count, EffortSettings effort,
        CommandContext context, string? eval = null, int? imageSize = null) => method.Method == MethodNames.Ofb
        ? throw new UsageException("--method ofb learns from labels for epochs: espalier search MODEL TARGET --data DATA -o DIR.")
        : new()
    {
        Model = WeightedModel.Open(model, context, imageSize),
        Target = target,
        Method = method.Method,
        Images = images is null ? null : ImageDataset.Open(images, LabelPolicy.IfPresent),
        Count = count,
        SampleList = method.Samples,
        Eval = eval is null ? null : ImageDataset.Open(eval, LabelPolicy.Required),
        MetricSet = MetricSet(method),
        Effort = new FewShotEffort
        {
            Steps = effort.Steps,
            RankSteps = method.RankSteps,
            SynthesisSteps = method.SynthesisSteps,
            Time = effort.Steps is null ? effort.Time ?? s_defaultTime : null,
        },
        Seed = (ulong)context.Common.Seed,
        Compute = Computing.Of(context),
        CacheFolder = CacheFolder(),
    };

    private static MetricSetOptions MetricSet(MethodSettings method) => new()
    {
        Source = method.MetricSet,
        Kind = method.Metric == "mse" ? MetricKind.Mse : MetricKind.Kl,
    };

    /// <summary>Blocks of which a part must stay. What is cut in a block concerns both its halves, so keeping either keeps the block.</summary>
    public static ImmutableArray<int> Kept(ImmutableArray<string> parts) =>
        [.. parts.Select(part => int.Parse(part.AsSpan(part.IndexOf(':') + 1))).Distinct()];

    // XDG's place for what can be made again.
    public static string CacheFolder() => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "espalier");
}
