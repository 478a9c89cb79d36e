using Espalier.Models;
using Espalier.Torch;

namespace Espalier.Training;

/// <summary>
/// Stochastic depth: each residual branch of each sample is left out with a probability that rises linearly from 0 at the first
/// block to <c>rate</c> at the last; kept ones are divided by the probability of being kept.
/// </summary>
public sealed class DropPath(double rate, int depth, ulong seed)
{
    /// <summary>The hook of one step; the same step always draws the same branches.</summary>
    /// <param name="step">Number of the batch.</param>
    /// <param name="batch">The images, so that each process draws for its own what one process alone would draw for them; null: all of the batch.</param>
    public BranchHook? At(long step, TensorBatch? batch = null)
    {
        if (rate <= 0) return null;
        var random = new SeededRandom(seed, "drop-path", step);
        return (block, branch) =>
        {
            var probability = depth > 1 ? rate * block / (depth - 1) : rate;
            if (probability == 0) return branch;
            var all = new float[batch?.Total ?? branch.Size(0)];
            for (var k = 0; k < all.Length; k++)
                all[k] = random.NextDouble() < probability ? 0 : (float)(1 / (1 - probability));
            var keep = batch?.Places is { } places ? Array.ConvertAll(places, place => all[place]) : all;
            return branch * Tensor.From<float>(keep, [keep.Length, .. Enumerable.Repeat(1L, branch.Shape.Length - 1)]).To(branch.Device).To(branch.DType);
        };
    }
}
