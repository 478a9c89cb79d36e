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

    /// <summary>Sums gradients, and averages what changed besides.</summary>
    /// <param name="task">Its parameters hold the gradient of this process's images, weighted by their share of the batch.</param>
    /// <param name="share">Share of the step's images that this process has; without any it has no gradient either.</param>
    internal void Combine(ITrainingTask task, double share)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var parameters = task.Parameters;
        if (share == 0)
            foreach (var parameter in parameters) parameter.Grad = Tensor.ZerosLike(parameter);
        // A parameter without gradient is the optimizer's to complain about; it is so in every process.
        group.Sum([.. parameters.Select(p => p.Grad).OfType<Tensor>()]);
        var buffers = task.Buffers.Where(b => b.DType is DType.Float32 or DType.Float64).ToList();
        foreach (var buffer in buffers) buffer.MulInPlace(share);
        group.Sum(buffers);
    }

    /// <summary>The loss of the whole step, and what any process wants: an interrupted one is one too many.</summary>
    /// <param name="loss">This process's part; null when it is not read.</param>
    /// <param name="cancelled">This process was asked to stop.</param>
    /// <param name="enough">The first process wants no more steps.</param>
    internal (double? Loss, bool Cancelled, bool Enough) Agree(double? loss, bool cancelled, bool enough)
    {
        Span<double> numbers = [loss ?? 0, cancelled ? 1 : 0, enough && group.IsFirst ? 1 : 0];
        group.Sum(numbers);
        return (loss is null ? null : numbers[0], numbers[1] > 0, numbers[2] > 0);
    }
}
