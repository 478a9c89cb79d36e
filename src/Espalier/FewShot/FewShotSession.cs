using System.Collections.Immutable;
using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.MetricSets;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Runs;

namespace Espalier.FewShot;

/// <summary>
/// What the steps of one few-shot run share, whatever the method: teacher, images, measurements, clock. Made anew in every sitting.
/// A method derives its own to add what its steps share besides.
/// </summary>
internal class FewShotSession : IDisposable
{
    private const double EndSeconds = 2;
    private SampledImages? _samples;
    private Recoverability? _recoverability;
    private HeldOutCheck? _heldOut;
    private double _heldOutSeconds;
    private HeldOutCheck? _training;

    /// <param name="request">What was asked for.</param>
    /// <param name="folder">The run.</param>
    /// <param name="phases">How the method shares out its time, in order; one is <see cref="MetricSetStage.Name"/>.</param>
    /// <param name="time">The clock.</param>
    internal FewShotSession(FewShotRequest request, RunFolder folder, ImmutableArray<TimePhase> phases, TimeProvider time)
    {
        (Request, Folder, Time) = (request, folder, time);
        Compute.Apply();
        Teacher = request.Model.Load(Compute.Device, request.Seed);
        if (request.Effort.Time is { } total)
            Budget = new TimeBudget(total, time, phases, TimeSpan.FromSeconds(folder.State.Seconds));
    }

    internal FewShotRequest Request { get; }

    internal ComputeOptions Compute => Request.Compute;

    internal RunFolder Folder { get; }

    internal Model Teacher { get; }

    /// <summary>Null when the numbers of steps are fixed.</summary>
    internal TimeBudget? Budget { get; }

    internal TimeProvider Time { get; }

    /// <summary>Networks the method measures on its way, at most.</summary>
    internal virtual int Measurements => 3;

    /// <summary>
    /// What a phase may use of the time, when there is one. What evaluating the networks on the way takes is set aside first: with a slow evaluation the first
    /// phases would else use up what the last one needs.
    /// </summary>
    internal TimeSpan TimeFor(string phase) =>
        Budget!.TimeFor(phase, kept: TimeSpan.FromSeconds(Measurements * PrepareStage.Read(this).EvaluationSeconds));

    /// <summary>What to keep of the time for the run's end.</summary>
    /// <param name="measurements">How many networks are still to be measured.</param>
    /// <param name="passes">Passes over as many images as are held out, besides.</param>
    internal TimeSpan Reserve(double measurements, double passes = 0)
    {
        // The teacher's answers are needed anyway; a student's take as long.
        _ = HeldOut;
        return Budget!.Reserve(measurements * PrepareStage.Read(this).EvaluationSeconds + (measurements + passes) * _heldOutSeconds + EndSeconds);
    }

    /// <summary>The few-shot images: those on the list of the preparation, or the synthetic set when there are no real ones.</summary>
    internal SampledImages Samples => _samples ??= Request.Images is { } source
        ? SampledImages.Of(source, SampleList.Read(Path.Combine(Folder.StepFolder(PrepareStage.Name), PrepareStage.SamplesFile), source), Request.Seed)
        : SampledImages.Synthetic(MetricSetFile.Read(Folder.StepFolder(MetricSetStage.Name)), Teacher.Preprocessing);

    /// <summary>The metric set with the teacher's answers.</summary>
    internal Recoverability Recoverability => _recoverability ??= MetricSetStage.Load(this);

    /// <summary>The check on images that were not drawn.</summary>
    private HeldOutCheck HeldOut
    {
        get
        {
            if (_heldOut is not null) return _heldOut;
            var begun = Time.GetTimestamp();
            _heldOut = new HeldOutCheck(Teacher, Samples.HeldOut, Compute.TrainsInBf16);
            _heldOutSeconds = Time.GetElapsedTime(begun).TotalSeconds;
            return _heldOut;
        }
    }

    /// <summary>The network at one point of its way, measured.</summary>
    /// <param name="stage"><c>cut</c>, <c>repaired</c> or <c>finetuned</c>.</param>
    /// <param name="block">The block cut last; null when all were cut at once.</param>
    /// <param name="student">The network.</param>
    /// <param name="cancellation">Checked between two batches.</param>
    internal FewShotStage Measure(string stage, int? block, Model student, CancellationToken cancellation)
    {
        var evaluation = Evaluate(student, cancellation);
        return new FewShotStage(stage, block, Recoverability.Score(student))
        {
            HeldOut = HeldOut.Score(student),
            Top1 = evaluation?.Top1,
            Top5 = evaluation?.Top5,
            MacsBudget = student.Architecture.Cost().MacsBudget,
        };
    }

    /// <summary>A candidate of a ranking, measured besides its score.</summary>
    internal CandidateMeasures MeasureCandidate(Model student, CancellationToken cancellation)
    {
        var evaluation = Evaluate(student, cancellation);
        _training ??= new HeldOutCheck(Teacher, Samples.Train, Compute.TrainsInBf16);
        return new CandidateMeasures(_training.Score(student)!, HeldOut.Score(student), evaluation?.Top1, evaluation?.Top5);
    }

    /// <summary>What the clock of the first process says, where several work together.</summary>
    internal bool Agree(bool decision) => Compute.Group?.Agree(decision) ?? decision;

    /// <summary>Accuracy on the evaluation images; null without any.</summary>
    internal EvaluationResult? Evaluate(Model model, CancellationToken cancellation) => Request.Eval is not { } data ? null
        : Evaluator.For(model, Compute, Time).Score(model, data, cancellation);

    /// <summary>Loads a student that a step left in its folder.</summary>
    internal Model LoadStudent(string step) =>
        ModelSource.Open(Folder.StepFolder(step)).Load(Compute.Device);

    /// <summary>The result so far, as the shared steps know it; a method adds its own.</summary>
    /// <param name="before">Cost of the teacher.</param>
    /// <param name="after">Cost of the planned student.</param>
    internal FewShotResult Collect(Cost before, Cost after)
    {
        var (prepared, set) = (PrepareStage.Read(this), MetricSetStage.Read(this));
        return new FewShotResult
        {
            Before = before,
            After = after,
            Top1Before = prepared.Top1,
            Top5Before = prepared.Top5,
            SynthesisSteps = set.Steps,
            SynthesisSeconds = set.Seconds,
            MetricSetCached = set.Cached,
            Samples = Samples,
        };
    }

    public virtual void Dispose()
    {
        _recoverability?.Dispose();
        _heldOut?.Dispose();
        _training?.Dispose();
        Teacher.Dispose();
    }
}
