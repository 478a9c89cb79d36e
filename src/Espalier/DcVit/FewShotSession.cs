using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.FewShot;
using Espalier.MetricSets;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Runs;

namespace Espalier.DcVit;

/// <summary>What the steps of one few-shot run share: teacher, structure, images, clock. Made anew in every sitting.</summary>
internal sealed class FewShotSession : IDisposable
{
    private readonly TimeProvider _time;
    private SampledImages? _samples;
    private Recoverability? _recoverability;
    private HeldOutCheck? _heldOut;

    internal FewShotSession(FewShotRequest request, RunFolder folder, Structure structure, TimeProvider time)
    {
        (Request, Folder, Structure, _time) = (request, folder, structure, time);
        var (options, compute) = (request.Options, request.Compute);
        compute.Apply();
        Teacher = request.Model.Load(compute.Device, request.Seed);
        Compression = new BlockCompression(options.Variant, options.UnitChoice, structure.Hidden, options.Profile.CompressedNormEps, request.Seed);
        if (request.Effort.Time is { } total)
            Budget = new TimeBudget(total, time, TimeSpan.FromSeconds(folder.State.Seconds));
    }

    internal FewShotRequest Request { get; }

    internal DcVitOptions Options => Request.Options;

    internal ComputeOptions Compute => Request.Compute;

    internal RunFolder Folder { get; }

    internal Structure Structure { get; }

    internal VitModel Teacher { get; }

    internal BlockCompression Compression { get; }

    /// <summary>Null when the numbers of steps are fixed.</summary>
    internal TimeBudget? Budget { get; }

    internal TimeProvider Time => _time;

    /// <summary>The few-shot images: those on the list of the preparation, or the synthetic set when there are no real ones.</summary>
    internal SampledImages Samples => _samples ??= Request.Images is { } source
        ? SampledImages.Of(source, SampleList.Read(Path.Combine(Folder.StepFolder(PrepareStage.Name), PrepareStage.SamplesFile), source), Request.Seed)
        : SampledImages.Synthetic(MetricSetFile.Read(Folder.StepFolder(MetricSetStage.Name)), Teacher.Preprocessing);

    /// <summary>The metric set with the teacher's answers.</summary>
    internal Recoverability Recoverability => _recoverability ??= MetricSetStage.Load(this);

    /// <summary>The check on images that were not drawn.</summary>
    private HeldOutCheck HeldOut => _heldOut ??= new HeldOutCheck(Teacher, Samples.HeldOut, Compute.TrainsInBf16);

    internal Finetuner Finetuner => new(Teacher, Samples.Train, Options, Compute, Request.Seed, _time);

    /// <summary>The network at one point of its way, measured.</summary>
    internal FewShotStage Measure(string stage, int? block, VitModel student, CancellationToken cancellation)
    {
        var evaluation = Evaluate(student, cancellation);
        return new FewShotStage(stage, block, Recoverability.Score(student))
        {
            HeldOut = HeldOut.Score(student),
            Top1 = evaluation?.Top1,
            Top5 = evaluation?.Top5,
            MacsBudget = VitCost.Of(student.Architecture).MacsBudget,
        };
    }

    /// <summary>Accuracy on the evaluation images; null without any.</summary>
    internal EvaluationResult? Evaluate(VitModel model, CancellationToken cancellation) => Request.Eval is not { } data ? null
        : new Evaluator(_time)
        {
            BatchSize = model.Preprocessing.Size <= 64 ? 250 : 50,
            Bf16 = Compute.EvaluatesInBf16,
        }.Score(model, data, cancellation);

    /// <summary>Loads a student that a step left in its folder.</summary>
    internal VitModel LoadStudent(string step) =>
        ModelSource.Open(Folder.StepFolder(step)).Load(Compute.Device);

    public void Dispose()
    {
        _recoverability?.Dispose();
        _heldOut?.Dispose();
        Teacher.Dispose();
    }
}
