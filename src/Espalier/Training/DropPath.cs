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
    public BranchHook? At(long step)
    {
        if (rate <= 0) return null;
        var random = new SeededRandom(seed, "drop-path", step);
        return (block, branch) =>
        {
            var probability = depth > 1 ? rate * block / (depth - 1) : rate;
            if (probability == 0) return branch;
            var keep = new float[branch.Size(0)];
            for (var k = 0; k < keep.Length; k++)
                keep[k] = random.NextDouble() < probability ? 0 : (float)(1 / (1 - probability));
            return branch * Tensor.From<float>(keep, [keep.Length, .. Enumerable.Repeat(1L, branch.Shape.Length - 1)]).To(branch.Device).To(branch.DType);
        };
    }
}
