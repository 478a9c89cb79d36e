using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.Models.Formats;
using Espalier.OwnMethod;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c> and <c>plan</c> to Espalier's own method and its switches.</summary>
internal static class EspalierSetup
{
    private const string Rounds = "rounds";

    /// <summary>A family.</summary>
    /// <param name="shared">What is asked of all its models.</param>
    /// <param name="targets">All sizes, the largest first.</param>
    /// <param name="method">Switches; <c>rounds=4,3,5</c> gives those of each search.</param>
    /// <param name="steps">Gradient steps of each model; empty: as it is asked of all.</param>
    /// <param name="batch">Images per gradient step.</param>
    public static Espalier.SweepOptions Sweep(Espalier.CompressOptions shared, ImmutableArray<Target> targets, MethodSettings method, ImmutableArray<long> steps,
        int? batch)
    {
        var rounds = method.Switches.GetValueOrDefault(Rounds) is { } text && text.Contains(',') ? text : null;
        if (rounds is not null) method = method with { Switches = method.Switches.Remove(Rounds) };
        return new Espalier.SweepOptions(shared, targets)
        {
            Espalier = Options(method, batch),
            StepsOfEach = steps,
            RoundsOfEach = rounds is null ? [] : [.. rounds.Split(',').Select(r => new EspalierOptions().With(Rounds, r).Rounds!.Value)],
        };
    }

    /// <summary>What the method reads besides the request.</summary>
    public static IEnumerable<string> Reads(MethodSettings method) => method.Like is { } like ? ModelSource.Open(like).Files : [];

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
