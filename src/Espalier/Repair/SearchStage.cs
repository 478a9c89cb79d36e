using System.Collections.Immutable;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Runs;

namespace Espalier.Repair;

/// <summary>What the search came to.</summary>
/// <param name="Cut">The structure with nothing repaired.</param>
/// <param name="Repaired">The structure after the closed-form repair, before any gradient step.</param>
/// <param name="Rounds">KL on the held-out images in every round, and how many widths had changed.</param>
/// <param name="Seconds">Time of search and repair.</param>
internal sealed record SearchRecord(FewShotStage Cut, FewShotStage Repaired, ImmutableArray<SearchPoint> Rounds, double Seconds);

/// <summary>One round of a search.</summary>
internal sealed record SearchPoint(double Kl, int Moves);

/// <summary>
/// Search and repair: find the structure on part of the images, judged on the rest; then cut and repair on all of them. Leaves the repaired
/// student.
/// </summary>
internal static class SearchStage
{
    internal const string Name = "search";
    private const string RecordFile = "search.json";
    private const int WeighedImages = 96;
    private const int MostJudged = 100;
    // The raw cut is only there to be shown: which units go hardly depends on more images.
    private const int CutImages = 50;

    internal static void Run(EspalierSession session, StepContext context)
    {
        var begun = session.Time.GetTimestamp();
        var cancellation = context.Cancellation;
        using var weights = Weigh(session, cancellation);
        var rounds = Search(session, context, weights);
        var best = rounds.MinBy(r => r.Kl)!;
        context.Progress.Report(ProgressUpdate.Message(Name, "cutting and repairing on all images"));
        var cut = RawCut(session, best.Structure, weights, cancellation);
        using var all = new Calibration(session.Samples.Train, session.Teacher, cancellation);
        using var student = new RepairPass(session.Teacher, all, weights, session.Options.Repair).Run(session.Teacher, best.Structure, cancellation);
        var repaired = session.Measure("repaired", null, student, cancellation);
        VitFolder.Write(context.Folder, student);
        StepFile.Write(context.Folder, RecordFile, new SearchRecord(cut, repaired, [.. rounds.Select(r => new SearchPoint(r.Kl, r.Moves))],
            session.Time.GetElapsedTime(begun).TotalSeconds));
    }

    internal static SearchRecord? Read(EspalierSession session) => StepFile.Read<SearchRecord>(session.Folder.StepFolder(Name), RecordFile);

    private static TokenWeights Weigh(EspalierSession session, CancellationToken cancellation) => session.Options.Repair.WeighTokens
        ? TokenWeights.Measure(session.Teacher, session.Samples.Train.Take(WeighedImages),
            new SeededRandom(session.Request.Seed, "token weights").NextUInt64(), cancellation)
        : TokenWeights.Equal(session.Teacher);

    private static ImmutableArray<SearchRound> Search(EspalierSession session, StepContext context, TokenWeights weights)
    {
        var (fitted, judged) = Split(session.Samples.Train);
        using var fit = new Calibration(fitted, session.Teacher, context.Cancellation);
        using var held = new Calibration(judged, session.Teacher, context.Cancellation);
        using var judge = new Judge(session.Teacher, held, session.Compute.TrainsInBf16, context.Cancellation);
        var time = session.Budget?.TimeFor(Name);
        var begun = session.Time.GetTimestamp();
        var done = 0;
        var search = new StructureSearch(
            onCut => new RepairPass(session.Teacher, fit, weights, session.Options.Repair) { OnCut = onCut },
            judge, session.Teacher, session.Plan.Limit, session.Plan.Knobs)
        {
            OnRound = round =>
            {
                done++;
                context.Progress.Report(ProgressUpdate.Message(Name, FormattableString.Invariant(
                    $"round {done}: KL {round.Kl:0.0000} on {judged.Count} held-out images, {round.Moves} widths changed")));
            },
            // The rounds take equally long, and the final repair about half of one.
            GoOn = () => time is not { } all || session.Time.GetElapsedTime(begun) * ((done + 1.5) / done) < all,
        };
        return search.Run(session.Plan.Start, session.Options.Rounds, context.Cancellation);
    }

    private static (ImageDataset Fitted, ImageDataset Judged) Split(ImageDataset images)
    {
        var judged = Math.Clamp(images.Count / 5, 1, MostJudged);
        return (images.Subset(Enumerable.Range(judged, images.Count - judged)), images.Subset(Enumerable.Range(0, judged)));
    }

    private static FewShotStage RawCut(EspalierSession session, VitArchitecture structure, TokenWeights weights, CancellationToken cancellation)
    {
        using var few = new Calibration(session.Samples.Train.Take(CutImages), session.Teacher, cancellation);
        using var cut = new RepairPass(session.Teacher, few, weights, session.Options.Repair with { Solve = false })
            .Run(session.Teacher, structure, cancellation);
        return session.Measure("cut", null, cut, cancellation);
    }
}
