using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Espalier.Budget;
using Espalier.FewShot;
using Espalier.Finetuning;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Formats;
using Espalier.Repair;
using Espalier.Runs;
using Espalier.Widths;

namespace Espalier.Baselines;

/// <summary>
/// The plainest way to make a network narrower: every block keeps the same share of its q/k and v dimensions and hidden units, or of its inner
/// channels, chosen by the size of their weights or by chance, and the whole network is finetuned once as DC-ViT finetunes. A convolutional network may
/// be aligned with the teacher layer by layer before that.
/// </summary>
public sealed class EvenWidthsMethod : IFewShotMethod
{
    private const string FinetuneStepName = "finetuning", RecordFile = "pruned.json";
    private static readonly ImmutableArray<TimePhase> s_phases = [new(MetricSetStage.Name, 0.15), new(FinetuneStepName, 0.85)];

    private readonly UnitRule _rule;
    private readonly FinetuneOptions _options;
    private readonly AlignmentRule? _alignment;
    private readonly Architecture _structure;
    private readonly TimeProvider _time;

    /// <param name="request">What is asked.</param>
    /// <param name="rule">Which units stay.</param>
    /// <param name="options">How to finetune.</param>
    /// <param name="keep">Blocks that stay whole.</param>
    /// <param name="time">The clock.</param>
    /// <param name="alignment">How the layers of a convolutional network are aligned first; null leaves them as they were cut.</param>
    /// <exception cref="UsageException">Layers of a transformer are to be aligned, or what only a transformer has is to be trained.</exception>
    public EvenWidthsMethod(FewShotRequest request, UnitRule rule, FinetuneOptions options, ImmutableArray<int> keep, TimeProvider time, AlignmentRule? alignment = null)
    {
        (Request, _rule, _alignment, _time) = (request.JudgedByItsImages().Checked(), rule, alignment, time);
        if (alignment is not null && request.Model.Architecture is not CnnArchitecture)
            throw new UsageException($"{request.Method} aligns the layers of convolutional networks; {request.Model.Architecture.Name} is a {request.Model.Architecture.Family}.")
            { Settings = ["Method"] };
        options.Validate();
        options.Loss.Require(request);
        _options = options with { Update = options.Update ?? UpdateRange.All };
        UpdateRanges.Require(request.Model.Architecture, _options.Update.Value);
        _structure = Structure(request.Model.Architecture, request.Target, keep);
        Plan = CompressionPlan.Of(request.Target.Resolve(request.Model.Architecture.Cost()), _structure);
    }

    public FewShotRequest Request { get; }

    public string? Profile => null;

    public CompressionPlan Plan { get; }

    /// <summary>The structure for a target: even shares of all widths, then single hidden units or channels up to just below it.</summary>
    /// <exception cref="BudgetException">The target cannot be met; the message gives the reachable range.</exception>
    public static T Structure<T>(T net, Target target, ImmutableArray<int> keep) where T : Architecture
    {
        var given = BiasedAttention.Of(net);
        return UniformStart.Find(given, target.Resolve(net.Cost()), Knob.Of(given, [WidthKind.QueryKey, WidthKind.Value, WidthKind.Hidden], keep), even: true);
    }

    public FewShotResult Compress(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        using var session = new FewShotSession(Request, folder, s_phases, _time);
        new Run(folder,
        [
            new RunStep(PrepareStage.Name, context => PrepareStage.Run(session, context)) { Together = true },
            new RunStep(MetricSetStage.Name, context => MetricSetStage.Run(session, context)),
            new RunStep(FinetuneStepName, context => Finetune(session, context)) { Together = true },
            new RunStep(FinishStage.Name, context => Finish(session, context)),
        ], _time).Execute(progress, cancellation);
        return Collect(session);
    }

    private void Finetune(FewShotSession session, StepContext context)
    {
        var units = new UnitCut(_rule, Request.Seed);
        using var student = units.Apply(session.Teacher, _structure);
        var cut = session.Measure("cut", null, student, context.Cancellation);
        var aligned = Align(session, units, student, context.Cancellation);
        int[] all = [.. Enumerable.Range(0, _structure.Depth)];
        var finetuner = new Finetuner(session.Teacher, session.Samples.Train, _options, session.Compute, Request.Seed, _time);
        var steps = Steps(session, context, () => finetuner.Measure(student, all));
        var finetune = new FinetuneStep(FinetuneStepName, steps, finetuner.ImagesPerStep, PartsLeft: 1)
            .Run(session, context, hooks => finetuner.Run(student, all, steps, FinetuneStepName, hooks, context.Cancellation));
        var finetuned = session.Measure("finetuned", null, student, context.Cancellation) with { Steps = finetune.Steps, Seconds = finetune.Seconds };
        StepFile.Write(context.Folder, RecordFile, new PruneRecord(all[^1], cut, finetuned, finetune) { Repaired = aligned });
        ModelFolder.Write(context.Folder, student);
    }

    // In place; null when nothing is to be aligned.
    private FewShotStage? Align(FewShotSession session, UnitCut units, Model student, CancellationToken cancellation)
    {
        if (_alignment is not { } rule) return null;
        using var calibration = new Calibration(session.Samples.Train, session.Teacher, cancellation);
        using var aligned = new LayerAlignment((CnnModel)session.Teacher, rule, units).Run((CnnArchitecture)_structure, calibration, cancellation);
        student.Weights.CopyFrom(aligned.Weights);
        return session.Measure("repaired", null, student, cancellation);
    }

    private void Finish(FewShotSession session, StepContext context)
    {
        using var student = session.LoadStudent(FinetuneStepName);
        FinishStage.Run(session, context, student, Collect(session), new JsonObject
        {
            ["units"] = _rule.ToString(),
            ["alignment"] = _alignment?.ToString(),
            ["learning_rate"] = _options.LearningRate,
            ["batch_size"] = _options.BatchSize,
            ["feature"] = _options.Feature.ToString(),
            ["loss"] = _options.Loss.ToString(),
        });
    }

    private FewShotResult Collect(FewShotSession session)
    {
        var folder = session.Folder.StepFolder(FinetuneStepName);
        var pruned = StepFile.Read<PruneRecord>(folder, RecordFile)!;
        var structure = ModelSource.Open(folder).Architecture;
        return session.Collect(session.Teacher.Architecture.Cost(), structure.Cost()) with
        {
            Structure = structure,
            Stages = pruned.Repaired is { } repaired ? [pruned.Cut, repaired, pruned.Finetuned] : [pruned.Cut, pruned.Finetuned],
            FinetuneSteps = pruned.Finetune.Steps,
            FinetuneSeconds = pruned.Finetune.Seconds,
            StoppedEarly = pruned.Finetune.Steps < pruned.Finetune.Planned,
            Losses = [.. pruned.Finetune.Losses.Select(l => ((int?)null, l.Step, l.Loss))],
        };
    }

    private long Steps(FewShotSession session, StepContext context, Func<double> secondsPerStep) => Request.Effort.Steps ?? PlannedSteps.Once(context.Folder,
        () => Math.Max(1, (long)((session.Budget!.TimeFor(FinetuneStepName) - session.Reserve(measurements: 2)).TotalSeconds / secondsPerStep())), session.Compute.Group);
}
