using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.FewShot;
using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Runs;
using Espalier.Widths;

namespace Espalier.OwnMethod;

/// <summary>What the search for a merging came to.</summary>
/// <param name="Structure">The given network with the tokens each block merges.</param>
/// <param name="Rounds">KL in every round, and how many blocks had changed.</param>
/// <param name="Seconds">Time it took.</param>
internal sealed record MergeRecord(VitArchitecture Structure, ImmutableArray<SearchPoint> Rounds, double Seconds);

/// <summary>Finds how many tokens each block of the given network should merge; widths come later and do not change it.</summary>
internal static class MergeStage
{
    internal const string Name = "merging";
    private const int Rounds = 6;
    private const string RecordFile = "merging.json";
    // Nothing is fitted to them, so all may judge; more would only take longer.
    private const int MostJudged = 100;
    // Of the search's time, when widths need it, too.
    private const double Share = 0.3;

    internal static void Run(EspalierSession session, StepContext context)
    {
        var begun = session.Time.GetTimestamp();
        var (plan, teacher) = (session.Plan, (VitModel)session.Teacher);
        using var images = new Calibration(session.Samples.Train.Take(MostJudged), teacher, context.Cancellation, group: session.Compute.Group);
        using var judge = new Judge(teacher, images, session.Compute.TrainsInBf16, context.Cancellation);
        var start = teacher.Architecture.WithMerging((VitArchitecture)plan.Start);
        TimeSpan? time = session.Budget is null ? null : session.TimeFor(SearchStage.Name) * (plan.Knobs.IsEmpty ? 1 : Share);
        var (done, first, scoring) = (0, TimeSpan.Zero, session.Time.GetTimestamp());
        var search = new MergeSearch(judge, teacher, new Limit(plan.Limit.Measure, VitCost.Of(start).In(plan.Limit.Measure)), plan.Tokens)
        {
            OnRound = round =>
            {
                if (done++ == 0) first = session.Time.GetElapsedTime(scoring);
                context.Progress.Report(ProgressUpdate.Message(Name, FormattableString.Invariant(
                    $"round {done}: KL {round.Kl:0.0000} on {images.Count} images; tokens merged: {string.Join(" ", round.Structure.Blocks.Select(b => b.TokensMerged))}")));
            },
            GoOn = () => session.Agree(time is not { } all || session.Time.GetElapsedTime(begun) + Round() < all),
        };
        var rounds = search.Run(start, session.Options.MergingRounds ?? session.Options.Rounds ?? Rounds, context.Cancellation);
        // The first round only scores the start; each of the others scores two changes of every block, and what comes of them.
        TimeSpan Round() => done == 1 ? first * (2 * plan.Tokens.Length + 1) : (session.Time.GetElapsedTime(scoring) - first) / (done - 1);

        StepFile.Write(context.Folder, RecordFile, new MergeRecord(rounds.MinBy(r => r.Kl)!.Structure,
            [.. rounds.Select(r => new SearchPoint(r.Kl, r.Moves, 0))], session.Time.GetElapsedTime(begun).TotalSeconds));
    }

    internal static MergeRecord? Read(EspalierSession session) => StepFile.Read<MergeRecord>(session.Folder.StepFolder(Name), RecordFile);
}
