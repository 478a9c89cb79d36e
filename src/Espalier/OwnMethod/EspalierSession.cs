using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.FewShot;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Models;
using Espalier.Repair;
using Espalier.Runs;
using Espalier.Widths;

namespace Espalier.OwnMethod;

/// <summary>What the steps of <c>espalier</c> share besides: switches, limit, widths, finetune.</summary>
internal sealed class EspalierSession(FewShotRequest request, EspalierOptions options, EspalierPlan plan, RunFolder folder, TimeProvider time)
    : FewShotSession(request, folder, EspalierMethod.Phases, time)
{
    private const int WeighedImages = 96;
    private const int MostJudged = 100;
    private Judge? _judge;
    private Calibration? _judged;
    private TokenWeights? _weights;
    private Calibration? _calibration;

    internal EspalierOptions Options => options;

    internal EspalierPlan Plan => plan;

    internal Distiller Distiller => new(Teacher, TrainingImages, options.Distillation, Compute, Request.Seed, Time);

    /// <summary>What each token counts, the same in every sitting; measured once.</summary>
    internal TokenWeights Weigh(CancellationToken cancellation) => _weights ??= options.Repair.WeighTokens
        ? TokenWeights.Measure(Teacher, Samples.Train.Take(WeighedImages), new SeededRandom(Request.Seed, "token weights").NextUInt64(), cancellation)
        : TokenWeights.Equal(Teacher);

    /// <summary>Few-shot images that structures and blends are judged on: a fifth, a hundred at most. No gradient step sees them.</summary>
    internal ImageDataset Judged => Samples.Train.Take(Math.Clamp(Samples.Train.Count / 5, 1, MostJudged));

    /// <summary>The other few-shot images.</summary>
    internal ImageDataset Fitted => Samples.Train.Subset(Enumerable.Range(Judged.Count, Samples.Train.Count - Judged.Count));

    /// <summary>Scores students on <see cref="Judged"/>; the teacher's answers are computed once.</summary>
    internal Judge Judge(CancellationToken cancellation)
    {
        _judged ??= new Calibration(Judged, Teacher, cancellation);
        return _judge ??= new Judge(Teacher, _judged, Compute.TrainsInBf16, cancellation);
    }

    /// <summary>All few-shot images, to repair on; loaded once.</summary>
    internal Calibration Calibrate(CancellationToken cancellation) => _calibration ??= new Calibration(Samples.Train, Teacher, cancellation, options.Crops, Request.Seed);

    public override void Dispose()
    {
        _judge?.Dispose();
        _judged?.Dispose();
        _weights?.Dispose();
        _calibration?.Dispose();
        base.Dispose();
    }

    private ImageDataset TrainingImages => options.Distillation.SyntheticInputs && Request.Images is not null
        ? Taught.Concat(SampledImages.Synthetic(MetricSets.MetricSetFile.Read(Folder.StepFolder(MetricSetStage.Name)), Teacher.Preprocessing).Train)
        : Taught;

    // Without a blend nobody needs images that were not trained on.
    private ImageDataset Taught => options.Blend ? Fitted : Samples.Train;
}

/// <summary>What can be said before anything is measured.</summary>
/// <param name="Limit">The target.</param>
/// <param name="Knobs">Widths that may change.</param>
/// <param name="Start">The uniform structure the search begins with.</param>
internal sealed record EspalierPlan(Limit Limit, ImmutableArray<Knob> Knobs, VitArchitecture Start)
{
    internal static EspalierPlan Of(VitArchitecture net, Target target, EspalierOptions options)
    {
        if (options.Keep.FirstOrDefault(i => i < 0 || i >= net.Depth, -1) is var odd and not -1)
            throw new UsageException($"--keep names block {odd}; {net.Name} has blocks 0 to {net.Depth - 1}.");
        var limit = target.Resolve(VitCost.Of(net));
        var knobs = Knob.Of(net, options.Widths, options.Keep);
        return new EspalierPlan(limit, knobs, UniformStart.Find(net, limit, knobs));
    }
}
