using System.Collections.Immutable;
using Espalier.Repair;
using Espalier.Runs;
using Espalier.Widths;

namespace Espalier.OwnMethod;

/// <summary>A structure search as part of a step, as many rounds as the clock allows: parts of the images take turns to judge what is fitted to the rest.</summary>
internal static class StructureFinder
{
    private const string PositionFile = "position.json";

    /// <summary>All rounds; those of an earlier sitting are not done again.</summary>
    /// <param name="session">The session.</param>
    /// <param name="context">The step, for progress and for where the search stands.</param>
    /// <param name="sensitivity">What errors cost.</param>
    /// <param name="plan">Target, widths, start.</param>
    /// <param name="scope">How much it does.</param>
    /// <param name="time">For all rounds and what comes after them; null runs all rounds.</param>
    internal static ImmutableArray<SearchRound> Run(EspalierSession session, StepContext context, Sensitivity sensitivity, EspalierPlan plan, SearchScope scope, TimeSpan? time)
    {
        var (images, folds) = (session.Samples.Train.Take(scope.Images), scope.Folds);
        var begun = session.Time.GetTimestamp();
        var from = StepFile.Read<StoredPosition>(context.Folder, PositionFile)?.Of(plan);
        var done = 0;
        var search = new StructureSearch(Fold, folds, session.Teacher, plan.Limit, plan.Knobs)
        {
            From = from,
            OnMove = position => StepFile.Write(context.Folder, PositionFile, StoredPosition.Of(position, plan)),
            OnRound = round =>
            {
                done++;
                context.Progress.Report(ProgressUpdate.Message(SearchStage.Name, FormattableString.Invariant(
                    $"round {(from?.Rounds.Length ?? 0) + done}: KL {round.Kl:0.0000} on {Judging(round.Fold).Length} held-out images, {round.Moves} widths changed")));
            },
            GoOn = () => session.Agree(time is not { } all || session.Time.GetElapsedTime(begun) + Look() * (1 + SearchScope.LastRound) + TimeSpan.FromSeconds(scope.AfterSeconds) < all),
        };
        return search.Run(plan.Start, scope.Rounds ?? (session.Options.Like is null ? session.Options.Rounds ?? folds + 1 : 1), context.Cancellation);

        // Rounds take equally long; before this sitting has done one, as long as was foretold.
        TimeSpan Look() => done > 0 ? session.Time.GetElapsedTime(begun) / done : TimeSpan.FromSeconds(scope.LookSeconds);

        int[] Judging(int fold) => [.. Enumerable.Range(0, images.Count).Where(i => i % folds == fold)];

        SearchFold Fold(int number)
        {
            var judging = Judging(number);
            // Of a single image there are no others.
            var fitted = folds == 1 ? judging : [.. Enumerable.Range(0, images.Count).Except(judging)];
            var owned = new Stack<IDisposable>();
            try
            {
                var fit = Own(Load(fitted));
                var judge = Own(new Judge(session.Teacher, Own(Load(judging)), session.Compute.TrainsInBf16, context.Cancellation));
                return new SearchFold(onCut => RepairPass.Of(session.Teacher, fit, sensitivity, session.Options.Repair, onCut), judge, [.. owned]);
            }
            catch
            {
                foreach (var part in owned) part.Dispose();
                throw;
            }

            T Own<T>(T part) where T : IDisposable
            {
                owned.Push(part);
                return part;
            }
        }

        Calibration Load(int[] places) => new(images.Subset(places), session.Teacher, context.Cancellation, group: session.Compute.Group);
    }

    private sealed record StoredRound(KnobWidths Structure, double Kl, int Moves, int Fold);

    private sealed record StoredPosition(ImmutableArray<StoredRound> Rounds, KnobWidths Next, int Moves, ImmutableArray<Slope> Seen)
    {
        public static StoredPosition Of(SearchPosition position, EspalierPlan plan) => new(
            [.. position.Rounds.Select(r => new StoredRound(KnobWidths.Of(r.Structure, plan.Knobs), r.Kl, r.Moves, r.Fold))],
            KnobWidths.Of(position.Next, plan.Knobs), position.Moves, position.Seen);

        public SearchPosition Of(EspalierPlan plan) => new(
            [.. Rounds.Select(r => new SearchRound(r.Structure.In(plan.Start, plan.Knobs), r.Kl, r.Moves, r.Fold))],
            Next.In(plan.Start, plan.Knobs), Moves, Seen);
    }
}
