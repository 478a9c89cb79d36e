using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.FewShot;
using Espalier.MetricSets;
using Espalier.Models.Data;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c>, <c>rank</c> and <c>plan</c> to what the library is asked, but for the method.</summary>
internal static class FewShotSetup
{
    /// <summary>The model to compress.</summary>
    public static EspalierModel Model(string model, MethodSettings method, CommandContext context, int? imageSize = null) => method.Method == MethodNames.Ofb
        ? throw new UsageException("--method ofb learns from labels for epochs: espalier search MODEL TARGET --data DATA -o DIR.")
        : new(WeightedModel.Open(model, context, imageSize));

    public static Espalier.CompressOptions Options(Target target, MethodSettings method, string? images, int count, EffortSettings effort, string? eval,
        CommandRun run, CommandContext context)
    {
        var options = new Espalier.CompressOptions
        {
            Target = target,
            Images = images is null ? null : ImageDataset.Open(images, LabelPolicy.IfPresent),
            Count = count,
            SampleList = method.Samples,
            Eval = eval is null ? null : ImageDataset.Open(eval, LabelPolicy.Required),
            MetricSet = MetricSet(method),
            Steps = effort.Steps,
            RankSteps = method.RankSteps,
            SynthesisSteps = method.SynthesisSteps,
            CacheFolder = CacheFolder(),
        };
        return (effort.Time is { } time ? options with { Time = time } : options).For(run, context);
    }

    public static MetricSetOptions MetricSet(MethodSettings method) => new()
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
