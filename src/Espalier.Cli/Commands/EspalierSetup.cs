using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.FewShot;
using Espalier.Models.Formats;
using Espalier.OwnMethod;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c> and <c>plan</c> to Espalier's own method and its switches.</summary>
internal static class EspalierSetup
{
    public const string Name = "espalier";

    /// <summary>The method for a request; it plans.</summary>
    public static EspalierMethod Method(FewShotRequest request, MethodSettings method, TimeProvider time, int? batch = null) =>
        new(request.WithRealImages(method), Options(method, batch), time);

    /// <summary>A family for a request.</summary>
    public static SweepMethod Sweep(FewShotRequest request, MethodSettings method, ImmutableArray<Target> targets, TimeProvider time, int? batch = null) =>
        new(request.WithRealImages(method), method.MergeTokens
            ? throw new UsageException("--merge-tokens: a family shares its widths from size to size, which merging would undo; compress to single sizes instead.")
            : method.Like is not null ? throw new UsageException("--like: a family searches for widths of its own, at several sizes.")
            : Options(method, batch), targets, time);

    public static EspalierOptions Options(MethodSettings method, int? batch)
    {
        var options = new EspalierOptions
        {
            Keep = FewShotSetup.Kept(method.Keep), MergeTokens = method.MergeTokens, MultipleOf = method.MultipleOf ?? 1,
            Like = method.Like is { } like ? ModelSource.Open(like).Architecture : null,
        };
        foreach (var (topic, setting) in method.Switches) options = options.With(topic, setting);
        var distillation = options.Distillation;
        return options with
        {
            Distillation = distillation with
            {
                BatchSize = batch ?? distillation.BatchSize,
                LearningRate = method.LearningRate ?? distillation.LearningRate,
            },
        };
    }
}
