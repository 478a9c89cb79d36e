namespace Espalier.Training;

/// <summary>What whoever runs a <see cref="TrainingLoop"/> wants from it, for whoever makes it.</summary>
/// <param name="OnStep">Told after each step.</param>
/// <param name="StopEarly">Asked after each step; true ends the training.</param>
/// <param name="Checkpoint">Where the state is saved now and then; null saves nothing.</param>
public sealed record LoopHooks(Action<StepReport>? OnStep = null, Func<bool>? StopEarly = null, Checkpoint? Checkpoint = null)
{
    /// <summary>Gets every loss that is read; saved and taken up with the rest.</summary>
    public LossCurve? Curve { get; init; }

    /// <summary>Trains to the end, with what is wanted here.</summary>
    /// <returns>Steps taken, earlier sittings included.</returns>
    internal long Train(ITrainingTask task, IBatchSource batches, TrainingOptions options, CancellationToken cancellation)
    {
        using var loop = new TrainingLoop(task, batches, options) { OnStep = OnStep, StopEarly = StopEarly, Checkpoint = Checkpoint, Curve = Curve };
        loop.Run(cancellation);
        loop.Finish();
        return loop.Step;
    }
}
