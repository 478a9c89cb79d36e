using System.Collections.Immutable;
using Espalier.Models.Data;
using Espalier.Runs;

namespace Espalier.Repair;

/// <summary>A structure search as part of a step: fitted on most of the images, judged on the rest, as many rounds as the clock allows.</summary>
internal static class StructureFinder
{
    private const int MostJudged = 100;

    /// <summary>All rounds.</summary>
    /// <param name="session">The session.</param>
    /// <param name="context">The step, for progress.</param>
    /// <param name="weights">What each token counts.</param>
    /// <param name="plan">Target, widths, start.</param>
    /// <param name="time">For search and final repair; null runs all rounds.</param>
    internal static ImmutableArray<SearchRound> Run(EspalierSession session, StepContext context, TokenWeights weights, EspalierPlan plan, TimeSpan? time)
    {
        var (fitted, judged) = Split(session.Samples.Train);
        using var fit = new Calibration(fitted, session.Teacher, context.Cancellation);
        using var held = new Calibration(judged, session.Teacher, context.Cancellation);
        using var judge = new Judge(session.Teacher, held, session.Compute.TrainsInBf16, context.Cancellation);
        var begun = session.Time.GetTimestamp();
        var done = 0;
        var search = new StructureSearch(
            onCut => new RepairPass(session.Teacher, fit, weights, session.Options.Repair) { OnCut = onCut }, judge, session.Teacher, plan.Limit, plan.Knobs)
        {
            OnRound = round =>
            {
                done++;
                context.Progress.Report(ProgressUpdate.Message(SearchStage.Name, FormattableString.Invariant(
                    $"round {done}: KL {round.Kl:0.0000} on {judged.Count} held-out images, {round.Moves} widths changed")));
            },
            // The rounds take equally long, and the final repair about half of one.
            GoOn = () => time is not { } all || session.Time.GetElapsedTime(begun) * ((done + 1.5) / done) < all,
        };
        return search.Run(plan.Start, session.Options.Rounds, context.Cancellation);
    }

    private static (ImageDataset Fitted, ImageDataset Judged) Split(ImageDataset images)
    {
        var judged = Math.Clamp(images.Count / 5, 1, MostJudged);
        return (images.Subset(Enumerable.Range(judged, images.Count - judged)), images.Subset(Enumerable.Range(0, judged)));
    }
}
