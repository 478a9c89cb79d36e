using Espalier.Torch;

namespace Espalier.Models;

/// <summary>Random weights of any architecture; a family says how each tensor is distributed.</summary>
internal static class FreshWeights
{
    /// <summary>Every tensor, in the architecture's order.</summary>
    /// <param name="net">The architecture.</param>
    /// <param name="seed">Same seed, same weights.</param>
    /// <param name="fresh">A tensor by its name and shape, from a generator.</param>
    public static Weights Of(Architecture net, ulong seed, Func<string, long[], Generator, Tensor> fresh)
    {
        using var noGrad = new NoGrad();
        using var generator = new Generator(seed);
        var weights = new Weights();
        foreach (var (name, shape) in net.Tensors())
        {
            using var scope = new TensorScope();
            weights.Set(name, fresh(name, [.. shape], generator));
        }
        return weights;
    }

    /// <summary>Uniform between minus and plus <paramref name="bound"/>.</summary>
    public static Tensor Uniform(long[] shape, double bound, Generator generator) => Tensor.Rand(shape, generator) * (2 * bound) - bound;
}
