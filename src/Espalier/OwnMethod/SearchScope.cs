using Espalier.Repair;
using Espalier.Runs;

namespace Espalier.OwnMethod;

/// <summary>How much a structure search does. Decided before its first look and kept, so that a run that is gone on with does the same.</summary>
/// <param name="Images">Drawn images it looks at.</param>
/// <param name="Rounds">How many; null: as the switches say.</param>
/// <param name="LookSeconds">What a look was foretold to take; 0 when nothing depends on it.</param>
/// <param name="AfterSeconds">What comes after the search in the same time was foretold to take.</param>
/// <param name="Repaired">Drawn images that are repaired on at the end.</param>
internal sealed record SearchScope(int Images, int? Rounds, double LookSeconds, double AfterSeconds, int Repaired)
{
    private const string ScopeFile = "scope.json";
    // A half tells most of single widths; of few images, a half is too little to fit.
    private const int LeastForHalves = 200, FewFolds = 5;
    // Fewer images tell nothing of a width.
    private const int LeastImages = 40;
    // What is not looked at by all images at once is tried with so much fewer.
    private const double Fewer = 0.9;
    /// <summary>A round that tries nothing takes this share of one that does.</summary>
    internal const double LastRound = 0.3;

    /// <summary>Parts of the images that take turns to judge.</summary>
    internal int Folds => FoldsOf(Images);

    /// <summary>
    /// As many images as a time has room to look at once, before all are repaired on; without a time, or when the switches say it, so many as they say. When
    /// not even few can be looked at, the start is taken as it is, and repaired on as many as there is time for. Several searches look at equally many.
    /// </summary>
    /// <param name="session">The session.</param>
    /// <param name="context">The step.</param>
    /// <param name="sensitivity">What errors cost.</param>
    /// <param name="plan">Target, widths, start.</param>
    /// <param name="cut">Images that a walk besides the repair looks at.</param>
    /// <param name="time">For the search and those walks.</param>
    /// <param name="searches">Searches in that time.</param>
    /// <param name="repairs">Networks that are repaired in it.</param>
    internal static SearchScope Of(EspalierSession session, StepContext context, Sensitivity sensitivity, EspalierPlan plan, int cut, TimeSpan? time, int searches = 1, int repairs = 1)
    {
        if (Read(session) is { } earlier) return earlier;
        var (asked, repaired) = (Asked(session, session.Options.SearchImages), Asked(session, session.Options.RepairImages));
        var scope = time is { } room ? Within(asked) : new SearchScope(asked, null, 0, 0, repaired);
        StepFile.Write(context.Folder, ScopeFile, scope);
        return scope;

        SearchScope Within(int most)
        {
            var begun = session.Time.GetTimestamp();
            var pace = SearchPace.Measure(session, sensitivity, plan, context.Cancellation);
            var left = (room - session.Time.GetElapsedTime(begun)).TotalSeconds;
            left = session.Compute.Group?.Agree(left) ?? left;
            // A start that is taken as it is is measured, and nothing is tried.
            var tries = session.Options is { Rounds: not 1, Like: null };
            double Look(int images) => pace.Look(images - images / FoldsOf(images), images / FoldsOf(images));
            double Search(int images) => searches * (tries ? Look(images) * (1 + LastRound) : pace.Walk(images));
            double After(int images) => pace.Walk(cut) + repairs * pace.Walk(images * (1 + session.Options.Crops));
            var few = session.Options.SearchImages is null ? Math.Min(LeastImages, most) : most;
            for (var images = most; images >= few; images = Math.Min(images - 1, (int)(Fewer * images)))
                if ((tries && session.Options.SearchImages is not null) || Search(images) + After(repaired) < left)
                    return new(images, null, Look(images), After(repaired), repaired);
            var least = tries ? searches * Look(few) : Search(few);
            var fewer = repaired;
            while (session.Options.RepairImages is null && fewer > LeastImages && least + After(fewer) > left) fewer = Math.Max(LeastImages, (int)(Fewer * fewer));
            return new(few, 1, Look(few), After(fewer), fewer);
        }
    }

    /// <summary>What was decided; null before that.</summary>
    internal static SearchScope? Read(EspalierSession session) => StepFile.Read<SearchScope>(session.Folder.StepFolder(session.ScopeStep), ScopeFile);

    /// <summary>Drawn images that are repaired on: as a search has decided, or as the switches say.</summary>
    internal static int RepairedOn(EspalierSession session) =>
        Read(session) is { Repaired: > 0 and var decided } ? decided : Asked(session, session.Options.RepairImages);

    private static int Asked(EspalierSession session, int? images) => Math.Min(images ?? int.MaxValue, session.Samples.Train.Count);

    private static int FoldsOf(int images) => images >= LeastForHalves ? 2 : Math.Min(FewFolds, images);
}
