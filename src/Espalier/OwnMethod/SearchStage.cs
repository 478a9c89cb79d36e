using System.Collections.Immutable;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.Repair;
using Espalier.Runs;
using Espalier.Widths;

namespace Espalier.OwnMethod;

/// <summary>What the search came to.</summary>
/// <param name="Cut">The structure with nothing repaired.</param>
/// <param name="Repaired">The structure after the closed-form repair, before any gradient step; null when no width was cut.</param>
/// <param name="Rounds">KL on the held-out images in every round, and how many widths had changed.</param>
/// <param name="Images">Drawn images the rounds looked at; 0 without a round.</param>
/// <param name="RepairImages">Drawn images that the repair looked at; 0 without one.</param>
/// <param name="Seconds">Time of search and repair.</param>
internal sealed record SearchRecord(FewShotStage Cut, FewShotStage? Repaired, ImmutableArray<SearchPoint> Rounds, int Images, int RepairImages, double Seconds);

/// <summary>
/// Search and repair: find the structure, parts of the images judging what is fitted to the rest; then cut and repair on all of them. Leaves the repaired
/// student.
/// </summary>
internal static class SearchStage
{
    internal const string Name = "search";
    /// <summary>The time for the repair on all images, which ends this step; a family has one for each of its models.</summary>
    internal const string RepairName = "repair";
    private const string RecordFile = "search.json";
    // The raw cut is only there to be shown: which units go hardly depends on more images.
    private const int CutImages = 50;
    // The raw cut and what is repaired.
    private const int MeasuredHere = 2;

    internal static void Run(EspalierSession session, StepContext context)
    {
        var begun = session.Time.GetTimestamp();
        var cancellation = context.Cancellation;
        if (session.Plan.Knobs.IsEmpty)
        {
            var merged = session.MeasureFinished("cut", session.Teacher, cancellation);
            StepFile.Write(context.Folder, RecordFile, new SearchRecord(merged, null, [], 0, 0, session.Time.GetElapsedTime(begun).TotalSeconds));
            return;
        }
        var sensitivity = session.MeasureSensitivity(cancellation);
        var (plan, images) = (session.PlanAfterMerging(), session.Samples.Train.Count);
        var scope = SearchScope.Of(session, context, sensitivity, plan, Math.Min(CutImages, images), Left());
        if (scope.Images < images) context.Progress.Report(ProgressUpdate.Message(Name, FormattableString.Invariant($"looks at {scope.Images} of {images} images")));
        var rounds = StructureFinder.Run(session, context, sensitivity, plan, scope, Left());
        var best = StructureSearch.Best(rounds);
        context.Progress.Report(ProgressUpdate.Message(Name, FormattableString.Invariant($"cutting and repairing on {(scope.Repaired < images ? $"{scope.Repaired} of {images}" : "all")} images{(scope.Crops > 0 ? $", {scope.Crops} crops of each besides" : "")}")));
        var cut = RawCut(session, best.Structure, sensitivity, cancellation);
        using var student = RepairPass.Of(session.Teacher, session.Calibrate(cancellation), sensitivity, session.Options.Repair)
            .Run(session.Teacher, best.Structure, cancellation);
        var repaired = session.MeasureFinished("repaired", student, cancellation);
        ModelFolder.Write(context.Folder, student);
        StepFile.Write(context.Folder, RecordFile, new SearchRecord(cut, repaired, [.. rounds.Select(r => new SearchPoint(r.Kl, r.Moves, r.Fold))], scope.Images, scope.Repaired,
            session.Time.GetElapsedTime(begun).TotalSeconds));

        TimeSpan? Left()
        {
            if (session.Budget is not { } budget) return null;
            var reserve = session.Reserve(measurements: MeasuredHere + 1.5);
            return budget.TimeFor(Name, through: RepairName) - reserve;
        }
    }

    internal static SearchRecord? Read(EspalierSession session) => StepFile.Read<SearchRecord>(session.Folder.StepFolder(Name), RecordFile);

    private static FewShotStage RawCut(EspalierSession session, Architecture structure, Sensitivity sensitivity, CancellationToken cancellation)
    {
        using var few = new Calibration(session.Samples.Train.Take(CutImages), session.Teacher, cancellation, group: session.Compute.Group);
        using var cut = RepairPass.Of(session.Teacher, few, sensitivity, session.Options.Repair with { Solve = false })
            .Run(session.Teacher, structure, cancellation);
        return session.MeasureFinished("cut", cut, cancellation);
    }
}
