using Espalier.Torch;
using Espalier.Torch.Distributed;

namespace Espalier.Training;

/// <summary>
/// What processes that train together exchange in every step, so that each takes the step one process would take with the whole batch. The
/// loss of a batch is a mean over its images, so the parts are weighted by how many of them each process has.
/// </summary>
internal sealed class StepExchange(ProcessGroup group)
{
    /// <summary>Gives every process the first one's values, to begin with.</summary>
    internal void Begin(IReadOnlyList<Tensor> state) => group.Broadcast(state);

    /// <summary>
    /// Sums gradients, averages what changed besides, and finds out what the others want. Gradients of a loss that is no number are summed, too: all
    /// processes see the same.
    /// </summary>
    /// <param name="task">Its parameters hold the gradient of this process's images, weighted by their share of the step's.</param>
    /// <param name="part">What this process has of the step.</param>
    /// <param name="wish">Whether this process was asked to stop, and whether it wants no more steps.</param>
    /// <returns>
    /// The loss of the whole step; its images that could be read, without which there is nothing to sum; whether any process was asked to stop; whether
    /// the first one wants no more steps.
    /// </returns>
    internal (double? Loss, long Seen, bool Cancelled, bool Enough) Combine(ITrainingTask task, StepPart part, (bool Cancelled, bool Enough) wish)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        Span<double> numbers = [part.Loss ?? 0, wish.Cancelled ? 1 : 0, wish.Enough && group.IsFirst ? 1 : 0, part.Images];
        group.Sum(numbers);
        // Images that could not be read leave the mean to the rest, in whichever process they were.
        var seen = numbers[3];
        if (seen == 0) return (null, 0, numbers[1] > 0, numbers[2] > 0);
        var scale = part.Total / seen;

        var parameters = task.Parameters;
        if (part.Images == 0)
            foreach (var parameter in parameters) parameter.Grad = Tensor.ZerosLike(parameter);
        // A parameter without gradient is the optimizer's to complain about; it is so in every process.
        Tensor[] gradients = [.. parameters.Select(p => p.Grad).OfType<Tensor>()];
        if (scale != 1)
            foreach (var gradient in gradients) gradient.MulInPlace(scale);
        group.Sum(gradients);
        var buffers = task.Buffers.Where(b => b.DType is DType.Float32 or DType.Float64).ToList();
        foreach (var buffer in buffers) buffer.MulInPlace(part.Images / seen);
        group.Sum(buffers);
        return (part.Loss is null ? null : numbers[0] * scale, (long)seen, numbers[1] > 0, numbers[2] > 0);
    }
}

/// <summary>What one process has of a step.</summary>
/// <param name="Images">Its images.</param>
/// <param name="Total">Images of the step, those of the others included.</param>
/// <param name="Loss">Its part of the loss; null when it is not read.</param>
internal readonly record struct StepPart(long Images, long Total, double? Loss);
