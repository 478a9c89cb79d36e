using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Runs;
using Espalier.Torch.Distributed;

namespace Espalier.Supervised;

/// <summary>How fast a training goes.</summary>
/// <param name="Step">Seconds of a step, on average.</param>
/// <param name="First">Share of the time that its first part takes, such as a search before what was found is trained; 0 without one.</param>
internal readonly record struct TrainingPace(double Step, double First);

/// <summary>
/// The clock of a run that trains: how many steps fit into its time besides what is measured, and when the training has to end though steps are
/// left, on a machine that became slower than it was. Without a bound on time it plans and ends nothing.
/// </summary>
internal sealed class TrainingClock
{
    // Steps are worked out from a few; the rest is for those that take a little longer.
    private const double PlannedShare = 0.95;
    private const int MeasuredBatches = 2;
    private const string FileName = "clock.json";
    private readonly TrainingEffort _effort;
    private readonly ProcessGroup? _group;
    private readonly TimeBudget? _budget;
    private Planned _plan = new(0, 0, 0, 0, 0);

    /// <param name="effort">What was asked for.</param>
    /// <param name="folder">The run: time worked in earlier sittings counts.</param>
    /// <param name="group">Processes that train together.</param>
    /// <param name="time">The clock; it runs from now on.</param>
    internal TrainingClock(TrainingEffort effort, RunFolder folder, ProcessGroup? group, TimeProvider time)
    {
        (_effort, _group) = (effort, group);
        if (effort.Time is { } total) _budget = new TimeBudget(total, time, [], TimeSpan.FromSeconds(folder.State.Seconds));
    }

    /// <summary>Whether the training has to end, so that time is left for what comes after it; null without a bound on time.</summary>
    internal Func<bool>? IsOver => _budget is null ? null : () => _budget.Left.TotalSeconds <= _plan.Reserve;

    /// <summary>Whether the first part of the training has taken so many times what it should; the first process decides.</summary>
    internal bool IsFirstOver(double times)
    {
        if (_budget is null) return false;
        var share = Math.Min(1, times * _plan.First);
        // What is measured on the way may have been measured already.
        var from = _plan.Begun + _plan.During;
        var used = _budget.Spent.TotalSeconds >= from + share * (_budget.Total.TotalSeconds - _plan.Reserve - from);
        return _group?.Agree(used) ?? used;
    }

    /// <summary>Steps of the run. Those bounded by time are worked out once and kept for when the run is resumed.</summary>
    /// <param name="folder">Where they are kept.</param>
    /// <param name="stepsPerEpoch">Steps of one pass over the images; need not be whole.</param>
    /// <param name="pace">Measures steps.</param>
    /// <param name="secondsMeasuring">Measures what measuring takes: while the training lasts, and after it.</param>
    internal long Steps(string folder, double stepsPerEpoch, Func<TrainingPace> pace, Func<(double During, double After)> secondsMeasuring)
    {
        if (_effort.Steps is { } given) return given;
        if (_effort.Epochs is { } epochs) return Math.Max(1, (long)(epochs * stepsPerEpoch));
        var planned = StepFile.Read<Planned>(folder, FileName);
        if (planned is null)
        {
            planned = WorkOut(pace, secondsMeasuring);
            if (_group is not null) planned = planned with { Steps = (long)_group.Agree(planned.Steps), Reserve = _group.Agree(planned.Reserve), First = _group.Agree(planned.First) };
            StepFile.Write(folder, FileName, planned);
        }
        _plan = planned;
        return planned.Steps;
    }

    /// <summary>Seconds to measure a network on some images, told from a few of them.</summary>
    internal static double Measure(Evaluator evaluator, Model model, ImageDataset? images, CancellationToken cancellation)
    {
        if (images is null) return 0;
        var few = images.Take(MeasuredBatches * evaluator.BatchSize);
        return evaluator.Score(model, few, cancellation).Seconds * images.Count / few.Count;
    }

    private Planned WorkOut(Func<TrainingPace> pace, Func<(double During, double After)> secondsMeasuring)
    {
        var (during, after) = secondsMeasuring();
        var reserve = _budget!.Reserve(after).TotalSeconds;
        var (step, first) = pace();
        return new(Math.Max(1, (long)((_budget.Left.TotalSeconds - reserve - during) * PlannedShare / step)), reserve, _budget.Spent.TotalSeconds, during, first);
    }

    /// <summary>What was worked out before the first step; all but the steps in seconds.</summary>
    /// <param name="Steps">Steps that fit.</param>
    /// <param name="Reserve">For what comes after the training.</param>
    /// <param name="Begun">Spent when the training began.</param>
    /// <param name="During">For what is measured on the way.</param>
    /// <param name="First">Share of the time for training that its first part should take.</param>
    private sealed record Planned(long Steps, double Reserve, double Begun, double During, double First);
}

/// <summary>How far a training came.</summary>
/// <param name="Steps">Steps taken.</param>
/// <param name="Planned">Steps planned; more than taken when time ran out.</param>
internal sealed record TrainedRecord(long Steps, long Planned)
{
    private const string FileName = "trained.json";

    internal void Write(string folder) => StepFile.Write(folder, FileName, this);

    internal static TrainedRecord Read(string folder) => StepFile.Read<TrainedRecord>(folder, FileName)
        ?? throw new InputException($"'{folder}' does not say how far the training came: it was left by another version; start again in its place.") { Settings = [nameof(RunOptions.Existing)] };
}
