using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Runs;
using Espalier.Widths;

namespace Espalier.OwnMethod;

/// <summary>What the steps of <c>espalier</c> share besides: switches, limit, widths, finetune.</summary>
internal sealed class EspalierSession(FewShotRequest request, EspalierOptions options, EspalierPlan plan, RunFolder folder, TimeProvider time)
    : FewShotSession(request, folder, EspalierMethod.Phases, time)
{
    private const int GradientImages = 96;
    private const int MostJudged = 100;
    private VitArchitecture? _merging;
    private Judge? _judge;
    private Calibration? _judged;
    private Sensitivity? _sensitivity;
    private Calibration? _calibration;

    internal EspalierOptions Options => options;

    /// <summary>The step whose folder says how much is looked at: of the first search, when there are several.</summary>
    internal string ScopeStep { get; init; } = SearchStage.Name;

    internal EspalierPlan Plan => plan;

    /// <summary>The network as it will be left: a student whose widths are what they should be also merges tokens, if that was asked for.</summary>
    internal Model Finished(Model student) => options.MergeTokens
        ? ((VitModel)student).MergeTokens(_merging ??= MergeStage.Read(this)!.Structure)
        : student.Clone();

    /// <summary>The plan with the merging that was found in place of the even one; hidden units carry the exact size.</summary>
    internal EspalierPlan PlanAfterMerging() => MergeStage.Read(this) is not { } found ? plan
        : plan with { Start = Filling.Fill(((VitArchitecture)plan.Start).WithMerging(found.Structure), Teacher.Architecture, plan.Limit, plan.Knobs) };

    /// <summary>Measures the network a student will be.</summary>
    internal FewShotStage MeasureFinished(string stage, Model student, CancellationToken cancellation)
    {
        using var finished = Finished(student);
        return Measure(stage, null, finished, cancellation);
    }

    internal Distiller Distiller => new(Teacher, TrainingImages, options.Distillation, Compute, Request.Seed, Time);

    /// <summary>What errors cost, the same in every sitting; measured once.</summary>
    internal Sensitivity MeasureSensitivity(CancellationToken cancellation) => _sensitivity ??= options.Repair is { WeighTokens: false, WeighChannels: false }
        ? Sensitivity.Equal(Teacher)
        : Sensitivity.Measure(Teacher, Samples.Train.Take(GradientImages), new SeededRandom(Request.Seed, "token weights").NextUInt64(), cancellation);

    /// <summary>Few-shot images that blends are judged on: a fifth, a hundred at most. Neither the repair nor a gradient step sees them.</summary>
    internal ImageDataset Judged => Samples.Train.Take(Math.Clamp(Samples.Train.Count / 5, 1, MostJudged));

    /// <summary>Few-shot images that are repaired and trained on: all, or, when blends are judged, the others.</summary>
    internal ImageDataset Taught => Blends ? Samples.Train.Subset(Enumerable.Range(Judged.Count, Samples.Train.Count - Judged.Count)) : Samples.Train;

    /// <summary>Whether finetuned weights are blended with repaired ones: where there is no gradient step, there is nothing to blend.</summary>
    internal bool Blends => options.Blend && Request.Effort.Steps != 0;

    /// <summary>Scores students on <see cref="Judged"/>; the teacher's answers are computed once.</summary>
    internal Judge Judge(CancellationToken cancellation)
    {
        _judged ??= new Calibration(Judged, Teacher, cancellation, group: Compute.Group);
        return _judge ??= new Judge(Teacher, _judged, Compute.TrainsInBf16, cancellation);
    }

    /// <summary>The few-shot images to repair on: all of <see cref="Taught"/>, unless the switches or the time say fewer; loaded once.</summary>
    internal Calibration Calibrate(CancellationToken cancellation) =>
        _calibration ??= new Calibration(Taught.Take(SearchScope.RepairedOn(this)), Teacher, cancellation, new Views(SearchScope.CropsOf(this), options.MixCrops, Request.Seed), Compute.Group);

    public override void Dispose()
    {
        _judge?.Dispose();
        _judged?.Dispose();
        _sensitivity?.Dispose();
        _calibration?.Dispose();
        base.Dispose();
    }

    private ImageDataset TrainingImages => options.Distillation.SyntheticInputs && Request.Images is not null
        ? Taught.Concat(SampledImages.Synthetic(MetricSets.MetricSetFile.Read(Folder.StepFolder(MetricSetStage.Name)), Teacher.Preprocessing).Train)
        : Taught;
}

/// <summary>What can be said before anything is measured.</summary>
/// <param name="Limit">The target.</param>
/// <param name="Knobs">Widths that may change; none when merging tokens alone meets the target.</param>
/// <param name="Start">The uniform structure the search begins with.</param>
internal sealed record EspalierPlan(Limit Limit, ImmutableArray<Knob> Knobs, Architecture Start)
{
    /// <summary>Blocks that may merge tokens; empty unless asked for.</summary>
    internal ImmutableArray<Knob> Tokens { get; private init; } = [];

    internal static EspalierPlan Of(Architecture net, Target target, EspalierOptions options)
    {
        options.Validate();
        var limit = target.Resolve(net.Cost());
        net = BiasedAttention.Of(net);
        var knobs = Knob.Of(net, options.Widths, options.Keep, options.MultipleOf);
        if (options.Like is { } like)
            return options.MergeTokens ? throw new UsageException("Widths are to be taken from a network, and others found with merged tokens: ask for one of the two.")
                { Settings = [nameof(EspalierOptions.Like), nameof(EspalierOptions.MergeTokens)] }
                : new EspalierPlan(limit, knobs, GivenStructure.Take(net, like, limit, knobs));
        if (!options.MergeTokens || limit.Met(net.Cost())) return new EspalierPlan(limit, knobs, UniformStart.Find(net, limit, knobs));
        if (net is not VitArchitecture vit) throw Unmerged($"{net.Name} is a {net.Family}, which has no tokens to merge; leave that out, and widths are cut alone.");
        if (vit.Staged) throw Unmerged($"The windows of {net.Name} need every token in its place, so none can be merged; leave that out, and widths are cut alone.");
        if (vit.Pool == Pooling.Average) throw Unmerged($"The head of {net.Name} reads the mean of all tokens, which would no longer weigh them alike once some were merged; leave that out, and widths are cut alone.");
        if (limit.Measure == CostMeasure.Parameters) throw Unmerged("Merging tokens saves MACs but no parameters; state the target in MACs.");
        var (merging, blocks) = MergeStart.Find(vit, limit, options.Keep, options.MergingBlocks);
        return limit.Met(VitCost.Of(merging)) ? new EspalierPlan(limit, [], merging) { Tokens = blocks }
            : new EspalierPlan(limit, knobs, UniformStart.Find(merging, limit, knobs)) { Tokens = blocks };
    }

    private static UsageException Unmerged(string why) => new(why) { Settings = [nameof(EspalierOptions.MergeTokens)] };
}
