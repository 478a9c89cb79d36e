using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Nodes;
using Espalier.Budget;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.Repair;
using Espalier.Runs;
using Espalier.Widths;

namespace Espalier.OwnMethod;

/// <summary>One model of a family.</summary>
/// <param name="Folder">Model folder, relative to the run's.</param>
/// <param name="Keep">Target as a share of the given model's MACs.</param>
/// <param name="Cost">What it costs.</param>
/// <param name="Stage">Repaired or finetuned, measured.</param>
public sealed record SweepPoint(string Folder, double Keep, Cost Cost, FewShotStage Stage)
{
    /// <summary>True when time ran out before the finetune had all its steps: it cannot be repeated exactly.</summary>
    public bool StoppedEarly { get; init; }
}

/// <summary>What a sweep came to.</summary>
/// <param name="Before">Cost of the given model.</param>
/// <param name="Top1Before">Its accuracy, when there are images to evaluate on.</param>
/// <param name="Points">The family, the largest first.</param>
/// <param name="Images">Images used.</param>
public sealed record SweepResult(Cost Before, double? Top1Before, ImmutableArray<SweepPoint> Points, SampledImages Images)
{
    /// <summary>Steps of the synthesis; 0 without one.</summary>
    public long SynthesisSteps { get; init; }

    /// <summary>Rounds of each structure search, as many as the clock allowed.</summary>
    public ImmutableArray<int> Rounds { get; init; } = [];

    /// <summary>Drawn images that the searches looked at.</summary>
    public int SearchImages { get; init; }

    /// <summary>Drawn images that every model was repaired on.</summary>
    public int RepairImages { get; init; }
}

/// <summary>
/// A family of models in one run. Structures are searched for at three sizes and interpolated between, nested, so that no smaller model has a width that
/// a larger one lacks; every model is cut from the given network, repaired, and finetuned. Cutting each from the one before would add up the errors of all cuts.
/// </summary>
/// <param name="request">Its target is the smallest model's.</param>
/// <param name="options">Switches.</param>
/// <param name="targets">All sizes as shares of the MACs that stay, the largest first.</param>
/// <param name="time">The clock.</param>
/// <exception cref="UsageException">A target is stated otherwise, or one is not smaller than the one before it.</exception>
public sealed class SweepMethod(FewShotRequest request, EspalierOptions options, ImmutableArray<Target> targets, TimeProvider time)
{
    private const int Searches = 3;
    private const string StructureFile = "structure.json", RoundsFile = "rounds.json";
    private const string PointFile = "point.json";
    // The rest of a model's share goes to its cut and repair, and to measuring it.
    private const double FinetuneShare = 0.7;
    // Of what is left besides all cuts and measurements: looks gain more in a minute than gradient steps do.
    private const double SearchShare = 0.8;
    // A network of half the MACs takes more than half the time.
    private const double Slower = 1.3;
    private readonly ImmutableArray<string> _names = Names(Checked(targets));
    private readonly EspalierPlan _plan = EspalierPlan.Of(request.Model.Architecture, request.Target, Searching(options));

    public FewShotRequest Request { get; } = EspalierMethod.Judged(request, options).Checked();

    /// <summary>Gradient steps of each model, in the order of the targets; empty when the request says how much work to do.</summary>
    public ImmutableArray<long> StepsOfEach
    {
        get;
        init => field = value.IsEmpty || value.Length == targets.Length ? value
            : throw new UsageException($"Steps are given for {value.Length} models of a family of {targets.Length}.");
    } = [];

    /// <summary>Rounds of each structure search, the one for the largest model first; empty when the options say it for all.</summary>
    public ImmutableArray<int> RoundsOfEach
    {
        get;
        init => field = value.IsEmpty || value.Length == Anchors().Length ? value
            : throw new UsageException($"Rounds are given for {value.Length} searches; a family of {targets.Length} models has {Anchors().Length}.");
    } = [];

    /// <summary>Runs, or goes on with, the sweep; leaves one model folder for each target.</summary>
    public SweepResult Run(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        // Many repairs, each of little.
        using var session = new EspalierSession(Request, options with { Crops = options.Crops ?? 0 }, _plan, folder, time) { ScopeStep = SearchName(Anchors()[0]) };
        new Run(folder,
        [
            new RunStep(PrepareStage.Name, context => PrepareStage.Run(session, context)),
            new RunStep(MetricSetStage.Name, context => MetricSetStage.Run(session, context)),
            .. Anchors().Select(at => new RunStep(SearchName(at), context => Search(session, context, at))),
            .. Enumerable.Range(0, targets.Length).Select(at => new RunStep(PointName(at), context => Point(session, context, at))),
        ], time).Execute(progress, cancellation);
        var points = Enumerable.Range(0, targets.Length).Select(at => StepFile.Read<SweepPoint>(folder.StepFolder(PointName(at)), PointFile)!);
        return new SweepResult(session.Teacher.Architecture.Cost(), PrepareStage.Read(session).Top1, [.. points], session.Samples)
        {
            SynthesisSteps = MetricSetStage.Read(session).Steps,
            SearchImages = SearchScope.Read(session)!.Images,
            RepairImages = SearchScope.RepairedOn(session),
            Rounds = [.. Anchors().Select(at => StepFile.Read<RoundsRecord>(folder.StepFolder(SearchName(at)), RoundsFile)!.Rounds)],
        };
    }

    private static EspalierOptions Searching(EspalierOptions options) =>
        options.MergeTokens ? throw new UsageException("A family shares its widths from size to size, which merging tokens would undo; compress to single sizes instead.") { Settings = [nameof(EspalierOptions.MergeTokens)] }
        : options.Like is not null ? throw new UsageException("A family searches for widths of its own, at several sizes; none can be taken from another network.") { Settings = [nameof(EspalierOptions.Like)] }
        : options;

    // Each model is a part of the one before it, and called by its share.
    private static ImmutableArray<Target> Checked(ImmutableArray<Target> targets)
    {
        if (targets.FirstOrDefault(t => t.Form != TargetForm.KeepMacs) is { } other)
            throw new UsageException($"{other} in a family: its sizes are shares of the MACs that stay, such as 0.75.") { Settings = ["KeepMacs"] };
        foreach (var (larger, smaller) in targets.Zip(targets.Skip(1)))
            if (smaller.Value >= larger.Value || smaller.Count != larger.Count)
                throw new UsageException($"{smaller} after {larger} in a family: each size must be smaller than the one before it, by the same count.");
        return targets;
    }

    /// <summary>Names of the model folders: four digits of the share, numbered where that does not tell two apart.</summary>
    internal static ImmutableArray<string> Names(IEnumerable<Target> targets)
    {
        var taken = new Dictionary<string, int>();
        return [.. targets.Select(target =>
        {
            var name = target.Value.ToString("0.0000", CultureInfo.InvariantCulture);
            taken[name] = taken.GetValueOrDefault(name) + 1;
            return taken[name] == 1 ? name : $"{name}-{taken[name]}";
        })];
    }

    // Spread over the targets; the last one is always the smallest.
    private int[] Anchors() => [.. Enumerable.Range(1, Searches).Select(k => k * targets.Length / Searches - 1).Where(at => at >= 0).Distinct()];

    private static string SearchName(int at) => $"search-{at + 1:D2}";

    private static string PointName(int at) => $"point-{at + 1:D2}";

    private void Search(EspalierSession session, StepContext context, int at)
    {
        var anchors = Anchors();
        var number = Array.IndexOf(anchors, at);
        var wide = number == 0 ? session.Teacher.Architecture : Anchor(session, anchors[number - 1]);
        var limit = targets[at].Resolve(session.Teacher.Architecture.Cost());
        var plan = new EspalierPlan(limit, _plan.Knobs, UniformStart.Find(wide, limit, _plan.Knobs));
        var sensitivity = session.MeasureSensitivity(context.Cancellation);
        var left = session.Budget?.Left - Ends(session, targets.Length);
        var scope = SearchScope.Of(session, context, sensitivity, plan, cut: 0, left, anchors.Length, repairs: targets.Length);
        var share = (session.Budget?.Left - Ends(session, targets.Length) - TimeSpan.FromSeconds(scope.AfterSeconds)) * SearchShare / (anchors.Length - number);
        var rounds = StructureFinder.Run(session, context, sensitivity, plan, scope with { Rounds = RoundsOfEach.IsEmpty ? scope.Rounds : RoundsOfEach[number], AfterSeconds = 0 }, share);
        StepFile.Write(context.Folder, RoundsFile, new RoundsRecord(rounds.Length));
        StepFile.Write(context.Folder, StructureFile, KnobWidths.Of(Nested(StructureSearch.Best(rounds).Structure, wide), _plan.Knobs));
    }

    // A search may have widened something beyond the larger model's width.
    private Architecture Nested(Architecture net, Architecture wide) =>
        _plan.Knobs.Aggregate(net, (n, knob) => knob.Write(n, Math.Min(knob.Read(n), knob.Read(wide))));

    private Architecture Anchor(EspalierSession session, int at) =>
        StepFile.Read<KnobWidths>(session.Folder.StepFolder(SearchName(at)), StructureFile)!.In(session.Teacher.Architecture, _plan.Knobs);

    private Architecture Structure(EspalierSession session, int at)
    {
        var anchors = Anchors();
        var narrow = anchors.First(a => a >= at);
        var number = Array.IndexOf(anchors, narrow);
        var wide = number == 0 ? session.Teacher.Architecture : Anchor(session, anchors[number - 1]);
        return StructurePath.Between(wide, Anchor(session, narrow), targets[at].Resolve(session.Teacher.Architecture.Cost()), _plan.Knobs);
    }

    private void Point(EspalierSession session, StepContext context, int at)
    {
        using var student = Cut(session, context, at);
        using var repaired = student.Clone();
        var steps = Steps(session, context, student, at);
        var finetune = steps == 0 ? null : new FinetuneStep($"model {at + 1} of {targets.Length}", steps, session.Distiller.ImagesPerStep, targets.Length - at)
            .Run(session, context, hooks => session.Distiller.Run(student, steps, hooks, context.Cancellation));
        if (finetune is not null && session.Blends) Blend.Choose(repaired, student, session.Judge(context.Cancellation), context.Cancellation);
        var stage = session.Measure(finetune is null ? "repaired" : "finetuned", null, student, context.Cancellation) with
        {
            Steps = finetune?.Steps,
            Seconds = finetune?.Seconds,
        };
        var name = Path.Combine("models", _names[at]);
        Directory.CreateDirectory(context.Run.PathOf(name));
        ModelFolder.Write(context.Run.PathOf(name), student, new JsonObject
        {
            ["method"] = MethodNames.Espalier,
            ["sweep"] = $"{at + 1} of {targets.Length}",
            ["seed"] = Request.Seed,
            ["target"] = targets[at].ToString(),
            ["images"] = session.Samples.Train.Count,
            ["image_list_hash"] = session.Samples.ListHash,
            ["source"] = Request.Model.Architecture.Name,
            ["source_hash"] = Request.Model.SourceHash,
            ["steps"] = finetune?.Steps ?? 0,
        }, Request.Model.ClassNames);
        StepFile.Write(context.Folder, PointFile, new SweepPoint(name, targets[at].Value, student.Architecture.Cost(), stage)
        {
            StoppedEarly = finetune is { } f && f.Steps < f.Planned,
        });
    }

    private Model Cut(EspalierSession session, StepContext context, int at)
    {
        var (images, sensitivity) = (session.Calibrate(context.Cancellation), session.MeasureSensitivity(context.Cancellation));
        return RepairPass.Of(session.Teacher, images, sensitivity, options.Repair).Run(session.Teacher, Structure(session, at), context.Cancellation);
    }

    // Each model gets an equal share of the time that is left, its own cut and measurements included.
    private long Steps(EspalierSession session, StepContext context, Model student, int at)
    {
        if (!StepsOfEach.IsEmpty) return StepsOfEach[at];
        if (Request.Effort.Steps is { } given) return given;
        return PlannedSteps.Once(context.Folder, () =>
        {
            var (models, walk) = (targets.Length - at, SearchScope.Read(session)!.AfterSeconds / targets.Length);
            var share = TimeBudget.Share(session.Budget!.Left - Ends(session, models) - TimeSpan.FromSeconds(walk * (models - 1)), models);
            return Math.Max(0, (long)(share.TotalSeconds * FinetuneShare / session.Distiller.Measure(student)));
        });
    }

    // What measuring the last so many models takes: each its share of what the given one does, and some more.
    private TimeSpan Ends(EspalierSession session, int models) => session.Budget is null ? TimeSpan.Zero
        : session.Reserve(measurements: Slower * targets[^models..].Sum(t => t.Value), passes: session.Blends ? Blend.Passes * models : 0);

    private sealed record RoundsRecord(int Rounds);
}
