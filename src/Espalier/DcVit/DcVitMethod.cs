using System.Text.Json.Nodes;
using Espalier.FewShot;
using Espalier.MetricSets;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Runs;

namespace Espalier.DcVit;

/// <summary>
/// Dense few-shot compression (DC-ViT, CVPR 2024): (a) plan how many blocks lose their attention and how much of their MLPs stays,
/// (b) synthesise a metric set, (c) rank blocks by how well the network recovers from compressing each alone, (d) compress the best ones
/// one after another, finetuning after each by mimicking the teacher's features. Every part is a resumable step of the run. Whole-block
/// dropping is the same method with another edit.
/// </summary>
public sealed class DcVitMethod(FewShotRequest request, TimeProvider time)
{
    /// <summary>Folder of the synthetic images, as PNG files, inside the run folder.</summary>
    public const string PicturesFolder = "metric-set";

    private readonly Structure _structure = Structure.Plan(request.Model.Architecture, request.Target, request.Options);

    /// <summary>What will be done to how many blocks.</summary>
    public Structure Structure => _structure;

    /// <summary>Runs, or goes on with, the whole method; leaves a model folder.</summary>
    public FewShotResult Compress(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        using var session = new FewShotSession(request, folder, _structure, time);
        FewShotResult? result = null;
        List<RunStep> steps =
        [
            .. RankingSteps(session),
            .. PruningSteps(session),
            new RunStep("finish", context => result = Finish(session, context)),
        ];
        new Run(folder, steps, time).Execute(progress, cancellation);
        return result ?? FewShotCollector.Of(session);
    }

    /// <summary>Runs, or goes on with, the method up to the ranking.</summary>
    public FewShotResult Rank(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        using var session = new FewShotSession(request, folder, _structure, time);
        new Run(folder, RankingSteps(session), time).Execute(progress, cancellation);
        return FewShotCollector.Of(session);
    }

    private List<RunStep> RankingSteps(FewShotSession session)
    {
        List<RunStep> steps =
        [
            new RunStep(PrepareStage.Name, context => PrepareStage.Run(session, context)),
            new RunStep(MetricSetStage.Name, context => MetricSetStage.Run(session, context)),
        ];
        if (request.Options.Order is null)
            steps.AddRange(_structure.Candidates.Select(block =>
                new RunStep(RankingStage.StepName(0, block), context => RankingStage.Run(session, context, 0, block))));
        return steps;
    }

    private IEnumerable<RunStep> PruningSteps(FewShotSession session)
    {
        var count = request.Options.Once ? 1 : _structure.Count;
        for (var number = 1; number <= count; number++)
        {
            var n = number;
            yield return new RunStep(PruneStage.StepName(n), context => PruneStage.Run(session, context, n));
            if (!request.Options.Profile.Rerank || request.Options.Order is not null || n == count) continue;
            foreach (var block in _structure.Candidates)
                yield return new RunStep(RankingStage.StepName(n, block), context => RankingStage.Run(session, context, n, block));
        }
    }

    private FewShotResult Finish(FewShotSession session, StepContext context)
    {
        var order = RankingStage.Order(session);
        using (var raw = PruneStage.RawCut(session, order))
            StepFile.Write(context.Folder, FewShotCollector.RawCutFile, session.Measure("cut", null, raw, context.Cancellation));
        WritePictures(session, context.Run.PathOf(PicturesFolder));
        Models.Formats.AtomicFile.WriteText(context.Run.PathOf(PrepareStage.SamplesFile), session.Samples.List);
        using var student = session.LoadStudent(PruneStage.StepName(request.Options.Once ? 1 : _structure.Count));
        var result = FewShotCollector.Of(session);
        VitFolder.Write(context.Run.Path, student, Provenance(session, result), request.Model.ClassNames);
        return result;
    }

    private static void WritePictures(FewShotSession session, string folder)
    {
        var set = MetricSetFile.Read(session.Folder.StepFolder(MetricSetStage.Name));
        if (set.Steps == 0) return; // real images stay where they are
        Directory.CreateDirectory(folder);
        foreach (var (image, i) in set.ToImages(session.Teacher.Preprocessing).Select((image, i) => (image, i)))
            PngWriter.Write(Path.Combine(folder, $"{i:D3}.png"), image);
    }

    // No times in here: the same run gives the same bytes.
    private JsonObject Provenance(FewShotSession session, FewShotResult result) => new()
    {
        ["method"] = request.Method,
        ["profile"] = request.Options.Profile.Name,
        ["variant"] = request.Options.Variant.ToString(),
        ["seed"] = request.Seed,
        ["target"] = request.Target.ToString(),
        ["k"] = _structure.Count,
        ["hidden"] = _structure.Hidden,
        ["order"] = new JsonArray([.. result.Order.Select(b => (JsonNode)b)]),
        ["images"] = session.Samples.Train.Count,
        ["image_list_hash"] = session.Samples.ListHash,
        ["source"] = request.Model.Architecture.Name,
        ["source_hash"] = request.Model.SourceHash,
        ["synthesis_steps"] = result.SynthesisSteps,
        ["rank_steps"] = result.RankSteps,
        ["steps"] = result.FinetuneSteps,
        ["learning_rate"] = request.Options.LearningRate,
        ["batch_size"] = request.Options.BatchSize,
        ["feature"] = request.Options.Feature.ToString(),
        ["precision"] = request.Compute.PrecisionName,
    };
}
