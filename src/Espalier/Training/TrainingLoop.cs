using Espalier.Torch;
using Espalier.Torch.Distributed;
using Espalier.Torch.Optim;

namespace Espalier.Training;

/// <summary>What a loop tells after a step.</summary>
/// <param name="Step">Steps taken.</param>
/// <param name="Total">Steps of the run.</param>
/// <param name="Loss">Mean loss since the last report.</param>
/// <param name="Images">Images seen since the last report.</param>
public readonly record struct StepReport(long Step, long Total, double Loss, long Images);

/// <summary>
/// The one training loop. A method says what to learn (<see cref="ITrainingTask"/>), on what (<see cref="IBatchSource"/>) and how
/// (<see cref="TrainingOptions"/>); hooks do the rest. It is stepped from outside by <see cref="Run"/> until the steps are done. Several processes
/// may train together: each learns from its share of every batch, and all take the same steps.
/// </summary>
public sealed class TrainingLoop : IDisposable
{
    private readonly ITrainingTask _task;
    private readonly IBatchSource _batches;
    private readonly TrainingOptions _options;
    private readonly GroupedOptimizer _optimizer;
    private readonly StepExchange? _exchange;
    private readonly bool _keepsFiles;
    private ExponentialAverage? _average;
    private double _secondsBefore;
    private long _begun, _drawn;
    private Tensor[] _counted = [];
    private int _empty;

    public TrainingLoop(ITrainingTask task, IBatchSource batches, TrainingOptions options)
    {
        _task = task;
        _batches = batches;
        _options = options;
        foreach (var parameter in task.Parameters) parameter.RequiresGrad = true;
        _optimizer = new GroupedOptimizer(options, task.Groups);
        _exchange = options.Group is { Size: > 1 } group ? new StepExchange(group) : null;
        _keepsFiles = options.Group?.IsFirst ?? true;
        if (options.EmaDecay is { } decay) _average = new ExponentialAverage([.. task.Parameters, .. task.Buffers], decay);
    }

    /// <summary>Called after each step whose loss was read.</summary>
    public Action<StepReport>? OnStep { get; init; }

    /// <summary>Asked after each step; true ends the run early (a deadline).</summary>
    public Func<bool>? StopEarly { get; init; }

    /// <summary>Saves the state now and then, and takes up a saved one; null keeps nothing.</summary>
    public Checkpoint? Checkpoint { get; init; }

    /// <summary>Gets every loss that is read; saved and taken up with the state.</summary>
    public LossCurve? Curve { get; init; }

    /// <summary>Steps taken so far.</summary>
    public long Step { get; private set; }

    /// <summary>
    /// Trains until the steps are done, time is up, or the token is cancelled, in one process or another. The parameters hold the last values.
    /// </summary>
    /// <exception cref="FailureException">The loss or a parameter is NaN or infinite, or memory ran out; what was learnt until then is saved, or the last state in which all was well.</exception>
    /// <exception cref="OperationCanceledException">Cancelled between two steps.</exception>
    /// <exception cref="LostProcessException">Another process is gone; what was learnt is saved, unless the parameters were being exchanged: then the last saved state stays.</exception>
    /// <exception cref="InputException">Not one image of a whole epoch can be read.</exception>
    public void Run(CancellationToken cancellation = default)
    {
        Resume();
        _begun = Checkpoint?.Time.GetTimestamp() ?? 0;
        _exchange?.Begin(State);
        double loss = 0;
        long images = 0, read = 0;
        var saved = Checkpoint?.Time.GetTimestamp() ?? 0;
        var (stop, enough, mine) = (false, false, false);
        while (Step < _options.Steps)
        {
            // Several processes stop after the same step, whichever of them was asked to.
            if (stop || (_exchange is null && cancellation.IsCancellationRequested))
            {
                Save();
                throw new OperationCanceledException(cancellation);
            }
            using var scope = new TensorScope();
            double? value;
            long seen;
            var before = Step;
            _counted = Counted();
            try
            {
                value = TakeStep(out seen, (cancellation.IsCancellationRequested, mine), out stop, out enough);
            }
            // Lost later, a task may be halfway through exchanging its parameters.
            catch (LostProcessException) when (Step == before)
            {
                SaveStepBefore();
                throw;
            }
            images += seen;
            if (value is { } v)
            {
                (loss, read) = (loss + v, read + 1);
                Curve?.Add(Step, loss / read);
                OnStep?.Invoke(new StepReport(Step, _options.Steps, loss / read, images));
                (loss, read, images) = (0, 0, 0);
            }
            mine = StopEarly?.Invoke() == true;
            if (enough || (_exchange is null && mine)) break;
            if (Checkpoint is null || Checkpoint.Time.GetElapsedTime(saved) < Checkpoint.Every) continue;
            Save();
            saved = Checkpoint.Time.GetTimestamp();
        }
        if (Broken() is { } broken) throw Diverged(broken);
    }

    /// <summary>Replaces the trained values by their moving average, if there is one, ends gradient recording on them and lets the task finish.</summary>
    public void Finish()
    {
        _average?.CopyToParameters();
        foreach (var parameter in _task.Parameters) parameter.RequiresGrad = false;
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        _task.Finish();
    }

    // Parameters, optimizer moments, averages, buffers, in this order.
    private IReadOnlyList<Tensor> State => [.. _task.Parameters, .. _optimizer.State, .. _average?.Average ?? [], .. _task.Buffers];

    private void Restore(SavedState saved)
    {
        if (saved.Task is { } task)
        {
            _task.Restore(task);
            Reshape((_, _) => null);
        }
        var (own, state) = (State, saved.State);
        if (own.Count != state.Count)
            throw new InputException($"The checkpoint holds {state.Count} tensors, this run needs {own.Count}; it belongs to another run.");
        for (var k = 0; k < own.Count; k++)
            if (!own[k].Shape.AsSpan().SequenceEqual(state[k].Shape))
                throw new InputException($"Tensor {k} of the checkpoint is {state[k].Describe()}, this run's is {own[k].Describe()}; " +
                    "it belongs to another run.");
        var (moments, end) = (_task.Parameters.Count, _task.Parameters.Count + _optimizer.State.Count);
        using (new NoGrad())
            for (var k = 0; k < own.Count; k++)
                if (k < moments || k >= end) own[k].CopyFrom(state[k]);
        _optimizer.Restore([.. state.Take(moments..end)], saved.GroupSteps ?? [.. Enumerable.Repeat(saved.Step, _optimizer.Steps.Count)]);
        if (saved.Curve is { } curve) Curve?.Restore(curve);
        (Step, _secondsBefore) = (saved.Step, saved.Seconds);
        _drawn = saved.Batches ?? Step * _options.Accumulate;
        _batches.Seek(_drawn);
    }

    private void Reshape(StateCarry carry)
    {
        foreach (var parameter in _task.Parameters) parameter.RequiresGrad = true;
        _optimizer.Reshape(_task.Groups, carry);
        _average?.Dispose();
        if (_options.EmaDecay is { } decay) _average = new ExponentialAverage([.. _task.Parameters, .. _task.Buffers], decay);
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        _average?.Dispose();
    }

    private void Save()
    {
        if (Step == 0 || Checkpoint is null || !_keepsFiles) return;
        // What is saved replaces what was saved before; so it has to be of use.
        if (Broken() is { } broken) throw Diverged(broken);
        var groups = _optimizer.Steps;
        Checkpoint.Save(State, Step, groups.All(s => s == Step) ? null : groups, _task.Snapshot(), Curve,
            _secondsBefore + Checkpoint.Time.GetElapsedTime(_begun).TotalSeconds, _drawn == Step * _options.Accumulate ? null : _drawn);
    }

    // A step that is not taken leaves nothing behind, though what is counted on the way, as the statistics of a BatchNorm, was counted.
    private void SaveStepBefore()
    {
        Recount();
        Save();
    }

    // What the task has counted so far, in the current scope.
    private Tensor[] Counted()
    {
        using var noGrad = new NoGrad();
        return [.. _task.Buffers.Select(b => b.Clone())];
    }

    private void Recount()
    {
        using var noGrad = new NoGrad();
        foreach (var (buffer, before) in _task.Buffers.Zip(_counted)) buffer.CopyFrom(before);
    }

    private void Resume()
    {
        using var scope = new TensorScope();
        if (Checkpoint?.Load() is { } saved) Restore(saved);
    }

    /// <param name="images">Images of the step.</param>
    /// <param name="wish">Whether this process wants to stop: at once, or since it is enough.</param>
    /// <param name="cancelled">Whether any process wants to stop at once; only with others.</param>
    /// <param name="enough">Whether the first process thinks that it is enough; only with others.</param>
    private double? TakeStep(out long images, (bool Cancelled, bool Enough) wish, out bool cancelled, out bool enough)
    {
        double? value = null;
        (images, cancelled, enough) = (0, false, false);
        var (own, seen, atOnce, drawn) = (0L, 0L, 0L, _drawn);
        var moving = false;
        try
        {
            for (var k = 0; k < _options.Accumulate; k++)
            {
                using var scope = new TensorScope();
                var batch = Draw(ref drawn);
                atOnce = batch.Pixels.Size(0);
                own += atOnce;
                images += batch.Total;
                if (Learn(batch, Step * _options.Accumulate + k) is { } loss) value = (value ?? 0) + loss;
            }
            seen = images;
            if (_exchange is not null) (value, seen, cancelled, enough) = _exchange.Combine(_task, new StepPart(own, images, value), wish);
            if (seen == 0)
            {
                _drawn = drawn;
                // Of what is nothing, no process learns: the next batches take the place of these.
                for (var k = 0; k < _options.Accumulate; k++) CountEmpty();
                images = 0;
                return null;
            }
            _empty = 0;
            Check(value);
            if (_options.ClipNorm is { } norm) _optimizer.ClipGradients(norm);
            moving = true;
            _optimizer.Step(Step);
            Step++;
            _drawn = drawn;
        }
        catch (Exception e) when (e is TorchOutOfMemoryException or OutOfMemoryException)
        {
            if (!moving) SaveStepBefore();
            throw new FailureException($"Out of memory at step {Step + 1} of {_options.Steps} with a batch of {atOnce}; give a smaller batch or a smaller model.", e) { Settings = ["Batch"] };
        }
        _average?.Update(Step);
        using var noGrad = new NoGrad();
        _task.AfterStep(Step, value);
        if (_task.Reshape(Step) is { } carry) Reshape(carry);
        return value;
    }

    // The next batch with an image in it. Several processes cannot know of each other's before they have added up theirs.
    private TensorBatch Draw(ref long drawn)
    {
        while (true)
        {
            var batch = _batches.Next();
            drawn++;
            if (batch.Total > 0 || _exchange is not null) return batch;
            CountEmpty();
        }
    }

    private void CountEmpty()
    {
        if (++_empty < _batches.BatchesPerEpoch) return;
        throw new InputException("None of the training images can be read" + (_batches.Trouble is { } trouble ? $"; the first: {trouble}" : "."));
    }

    // Adds the gradient of one batch, or of this process's part of it; the part's share of the loss when it is to be read.
    private double? Learn(TensorBatch batch, long number)
    {
        var share = (double)batch.Pixels.Size(0) / batch.Total / _options.Accumulate;
        var read = (Step + 1) % _options.ReadLossEvery == 0 || Step + 1 == _options.Steps;
        if (share == 0) return read ? 0 : null;
        Tensor loss;
        using (new Autocast(_options.Bf16, _options.Device)) loss = _task.Loss(batch, number);
        var factor = _options.LearningRate.LossFactor(Step, _options.Steps) * share;
        var value = read ? loss.Item() * share : (double?)null;
        if (_exchange is null) Check(value); // the backward pass of a NaN is for nothing
        (factor == 1 ? loss : loss * factor).Backward();
        return value;
    }

    private void Check(double? loss)
    {
        if (loss is not { } v || double.IsFinite(v)) return;
        Recount();
        var broken = Broken();
        if (broken is null) Save();
        throw Diverged($"The loss became {v} at step {Step + 1}", broken is null ? "" : $"; {broken} is no longer finite");
    }

    // Name of what is no longer finite: a loss may be while its gradient is not, and while statistics that are only counted are not.
    private string? Broken()
    {
        using var noGrad = new NoGrad();
        foreach (var (name, tensor) in _task.Groups.SelectMany(g => g.Tensors))
            if (!IsFinite(tensor)) return name;
        return _task.Buffers.All(b => b.DType == DType.Int64 || IsFinite(b)) ? null : "a running statistic";

        static bool IsFinite(Tensor tensor)
        {
            using var scope = new TensorScope();
            return tensor.Count == 0 || double.IsFinite(tensor.Detach().Abs().Max().Item());
        }
    }

    private FailureException Diverged(string broken) => Diverged($"{broken} became NaN or infinite up to step {Step}", "");

    private FailureException Diverged(string what, string where) => new(FormattableString.Invariant(
        $"{what} of {_options.Steps} (learning rate {_options.LearningRate.At(Step, _options.Steps):G3}){where}; {(Checkpoint is null ? "" : "the last state in which all was finite is kept; ")}lower the learning rate or compute in fp32."))
    { Settings = ["LearningRate", "Precision"] };
}
