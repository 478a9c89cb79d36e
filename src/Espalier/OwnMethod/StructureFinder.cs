using System.Collections.Immutable;
using Espalier.Repair;
using Espalier.Runs;
using Espalier.Widths;

namespace Espalier.OwnMethod;

/// <summary>A structure search as part of a step: fitted on most of the images, judged on the rest, as many rounds as the clock allows.</summary>
internal static class StructureFinder
{
    private const string PositionFile = "position.json";

    /// <summary>All rounds; those of an earlier sitting are not done again.</summary>
    /// <param name="session">The session.</param>
    /// <param name="context">The step, for progress and for where the search stands.</param>
    /// <param name="sensitivity">What errors cost.</param>
    /// <param name="plan">Target, widths, start.</param>
    /// <param name="time">For all rounds; null runs all rounds.</param>
    /// <param name="rounds">How many; by default as the switches say.</param>
    internal static ImmutableArray<SearchRound> Run(EspalierSession session, StepContext context, Sensitivity sensitivity, EspalierPlan plan, TimeSpan? time,
        int? rounds = null)
    {
        using var fit = new Calibration(session.Fitted, session.Teacher, context.Cancellation, group: session.Compute.Group);
        var judge = session.Judge(context.Cancellation);
        var begun = session.Time.GetTimestamp();
        var from = StepFile.Read<StoredPosition>(context.Folder, PositionFile)?.Of(plan);
        var done = 0;
        var search = new StructureSearch(
            onCut => RepairPass.Of(session.Teacher, fit, sensitivity, session.Options.Repair, onCut), judge, session.Teacher, plan.Limit, plan.Knobs)
        {
            From = from,
            OnMove = position => StepFile.Write(context.Folder, PositionFile, StoredPosition.Of(position, plan)),
            OnRound = round =>
            {
                done++;
                context.Progress.Report(ProgressUpdate.Message(SearchStage.Name, FormattableString.Invariant(
                    $"round {(from?.Rounds.Length ?? 0) + done}: KL {round.Kl:0.0000} on {session.Judged.Count} held-out images, {round.Moves} widths changed")));
            },
            GoOn = () => session.Agree(time is not { } all || session.Time.GetElapsedTime(begun) * ((done + 1.0) / done) < all), // rounds take equally long
        };
        return search.Run(plan.Start, rounds ?? (session.Options.Like is null ? session.Options.Rounds : 1), context.Cancellation);
    }

    private sealed record StoredRound(KnobWidths Structure, double Kl, int Moves);

    private sealed record StoredPosition(ImmutableArray<StoredRound> Rounds, KnobWidths Next, int Moves, int Stride)
    {
        public static StoredPosition Of(SearchPosition position, EspalierPlan plan) => new(
            [.. position.Rounds.Select(r => new StoredRound(KnobWidths.Of(r.Structure, plan.Knobs), r.Kl, r.Moves))],
            KnobWidths.Of(position.Next, plan.Knobs), position.Moves, position.Stride);

        public SearchPosition Of(EspalierPlan plan) => new(
            [.. Rounds.Select(r => new SearchRound(r.Structure.In(plan.Start, plan.Knobs), r.Kl, r.Moves))],
            Next.In(plan.Start, plan.Knobs), Moves, Stride);
    }
}
