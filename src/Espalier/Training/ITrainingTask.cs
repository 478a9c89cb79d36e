using Espalier.Torch;

namespace Espalier.Training;

/// <summary>One batch on the device of the model; owned by the scope of the step.</summary>
/// <param name="Pixels">[B, C, S, S], normalised.</param>
/// <param name="Labels">[B] class indices, or null.</param>
public sealed record TensorBatch(Tensor Pixels, Tensor? Labels);

/// <summary>Where a loop gets its batches. The k-th batch depends only on k, so that a resumed run sees what an unbroken one sees.</summary>
public interface IBatchSource : IDisposable
{
    /// <summary>Batches per pass over the images; the last may be smaller.</summary>
    int BatchesPerEpoch { get; }

    /// <summary>The next batch, in the current scope.</summary>
    TensorBatch Next();

    /// <summary>Continues before batch number <paramref name="batch"/> of the whole run.</summary>
    void Seek(long batch);
}

/// <summary>What a training loop learns: which tensors move, and what a batch costs.</summary>
public interface ITrainingTask
{
    /// <summary>The tensors to train, in a fixed order.</summary>
    IReadOnlyList<Tensor> Parameters { get; }

    /// <summary>The loss of one batch, a scalar. Called with gradients on, inside the loop's scope and autocast.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="step">Steps taken before this one.</param>
    Tensor Loss(TensorBatch batch, long step);

    /// <summary>Called after the parameters moved, in the step's scope, with gradients off.</summary>
    /// <param name="step">Steps taken, this one included.</param>
    /// <param name="loss">The step's loss, when the loop read it.</param>
    void AfterStep(long step, double? loss)
    {
    }
}
