using Espalier.Torch;

namespace Espalier.Training;

/// <summary>One batch on the device of the model; owned by the scope of the step.</summary>
/// <param name="Pixels">[B, C, S, S], normalised.</param>
/// <param name="Labels">[B] class indices, or null.</param>
public sealed record TensorBatch(Tensor Pixels, Tensor? Labels)
{
    /// <summary>Places of these images in the batch, when other processes have the rest of it; else null.</summary>
    public int[]? Places { get; init; }

    /// <summary>Images of the batch, those of other processes included.</summary>
    public int Total { get; init; } = (int)Pixels.Size(0);

    /// <summary>Where in the batch image <paramref name="k"/> of these is.</summary>
    public int Place(int k) => Places is { } places ? places[k] : k;
}

/// <summary>Where a loop gets its batches. The k-th batch depends only on k, so that a resumed run sees what an unbroken one sees.</summary>
public interface IBatchSource : IDisposable
{
    /// <summary>Batches per pass over the images; the last may be smaller.</summary>
    int BatchesPerEpoch { get; }

    /// <summary>The next batch, in the current scope; without images when none of them can be read.</summary>
    TensorBatch Next();

    /// <summary>Why the first image that was left out was; null when none was.</summary>
    string? Trouble => null;

    /// <summary>Continues before batch number <paramref name="batch"/> of the whole run.</summary>
    void Seek(long batch);
}

/// <summary>What a training loop learns: which tensors move, and what a batch costs.</summary>
public interface ITrainingTask
{
    /// <summary>The tensors to train, in a fixed order.</summary>
    IReadOnlyList<Tensor> Parameters { get; }

    /// <summary>The same tensors by name, in groups that differ in what the optimizer does with them; one group unless a task says otherwise.</summary>
    IReadOnlyList<ParameterGroup> Groups => [new("all", [.. Parameters.Select((tensor, k) => KeyValuePair.Create($"{k}", tensor))])];

    /// <summary>Tensors that change while the task learns without being learned; saved and averaged with the parameters.</summary>
    IReadOnlyList<Tensor> Buffers => [];

    /// <summary>The loss of one batch, a scalar. Called with gradients on, inside the loop's scope and autocast.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="step">Number of the batch, from 0: steps taken before this one, unless several batches make a step.</param>
    Tensor Loss(TensorBatch batch, long step);

    /// <summary>Called after the parameters moved, in the step's scope, with gradients off.</summary>
    /// <param name="step">Steps taken, this one included.</param>
    /// <param name="loss">The step's loss, when the loop read it.</param>
    void AfterStep(long step, double? loss)
    {
    }

    /// <summary>
    /// Called after <see cref="AfterStep"/>: the task may exchange its parameters. It then says how the optimizer's state follows; null means that
    /// nothing changed.
    /// </summary>
    /// <param name="step">Steps taken.</param>
    StateCarry? Reshape(long step) => null;

    /// <summary>Called once when the training is over, with gradients off: a task may leave what was learnt elsewhere.</summary>
    void Finish()
    {
    }

    /// <summary>What a checkpoint must know besides tensors, as text; null when shapes never change.</summary>
    string? Snapshot() => null;

    /// <summary>Gives the parameters the shapes they had at a <see cref="Snapshot"/>; their values follow.</summary>
    void Restore(string snapshot)
    {
    }
}
