using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Runs;

namespace Espalier.OwnMethod;

/// <summary>How much a structure search does. Decided before its first look and kept, so that a run that is gone on with does the same.</summary>
/// <param name="Images">Drawn images it looks at.</param>
/// <param name="Rounds">How many; null: as the switches say.</param>
/// <param name="LookSeconds">What a look was foretold to take; 0 when nothing depends on it.</param>
/// <param name="AfterSeconds">What comes after the search in the same time was foretold to take.</param>
/// <param name="Repaired">Drawn images that are repaired on at the end.</param>
/// <param name="Crops">Crops of each that are looked at besides.</param>
internal sealed record SearchScope(int Images, int? Rounds, double LookSeconds, double AfterSeconds, int Repaired, int Crops)
{
    private const string ScopeFile = "scope.json";
    // A half tells most of single widths; of few images, a half is too little to fit.
    private const int LeastForHalves = 200, FewFolds = 5;
    // Fewer images tell nothing of a width, more no more than these.
    private const int LeastImages = 40, EnoughImages = 250;
    // More views of few photos make a repair of a transformer hold better for others; views of so many photos add nothing to them.
    private const int EnoughViews = 500;
    // What is not looked at by all images at once is tried with so much fewer.
    private const double Fewer = 0.9;
    /// <summary>A round that tries nothing takes this share of one that does.</summary>
    internal const double LastRound = 0.3;

    /// <summary>Parts of the images that take turns to judge.</summary>
    internal int Folds => FoldsOf(Images);

    /// <summary>
    /// Enough images, or as many as a time has room to look at once, before all are repaired on with their crops; when the switches say it, so many as they
    /// say. When not even few can be looked at, crops are left out, then the start is taken as it is, and repaired on as many as there is time for.
    /// Several searches look at equally many.
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
        var (asked, repaired) = (Asked(session.Samples.Train, session.Options.SearchImages ?? EnoughImages), Asked(session.Taught, session.Options.RepairImages));
        var scope = time is { } room ? Within(asked) : new SearchScope(asked, null, 0, 0, repaired, CropsOf(session, repaired));
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
            double After(int images, int crops) => pace.Walk(cut) + repairs * pace.Walk(images * (1 + crops));
            var few = session.Options.SearchImages is null ? Math.Min(LeastImages, most) : most;
            var given = session.Options.Crops ?? 0;
            for (var crops = CropsOf(session, repaired); crops >= given; crops = crops > 0 ? crops / 2 : -1)
                for (var images = most; images >= few; images = Math.Min(images - 1, (int)(Fewer * images)))
                    if (Search(images) + After(repaired, crops) < left) return new(images, null, Look(images), After(repaired, crops), repaired, crops);
            if (tries && session.Options.SearchImages is not null) return new(most, null, Look(most), After(repaired, given), repaired, given);
            var least = tries ? searches * Look(few) : Search(few);
            var fewer = repaired;
            while (session.Options.RepairImages is null && fewer > LeastImages && least + After(fewer, given) > left) fewer = Math.Max(LeastImages, (int)(Fewer * fewer));
            return new(few, 1, Look(few), After(fewer, given), fewer, given);
        }
    }

    /// <summary>What was decided; null before that.</summary>
    internal static SearchScope? Read(EspalierSession session) => StepFile.Read<SearchScope>(session.Folder.StepFolder(session.ScopeStep), ScopeFile);

    /// <summary>Drawn images that are repaired on: as a search has decided, or as the switches say.</summary>
    internal static int RepairedOn(EspalierSession session) =>
        Read(session) is { Repaired: > 0 and var decided } ? decided : Asked(session.Taught, session.Options.RepairImages);

    /// <summary>Crops that are repaired on besides: as a search has decided, or as the switches say.</summary>
    internal static int CropsOf(EspalierSession session) => Read(session)?.Crops ?? CropsOf(session, RepairedOn(session));

    /// <summary>Crops that a time left room for, where it left room for fewer than the switches say of so many images; else null.</summary>
    internal static int? FewerCrops(EspalierSession session) =>
        Read(session) is { } scope && scope.Crops < CropsOf(session, RepairedOn(session)) ? scope.Crops : null;

    private static int CropsOf(EspalierSession session, int images) =>
        session.Options.Crops ?? (session.Teacher is VitModel { Preprocessing.ShowsSmallImages: false } ? Math.Max(0, EnoughViews / images - 1) : 0);

    private static int Asked(ImageDataset images, int? most) => Math.Min(most ?? int.MaxValue, images.Count);

    private static int FoldsOf(int images) => images >= LeastForHalves ? 2 : Math.Min(FewFolds, images);
}
