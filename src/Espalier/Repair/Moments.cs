using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// Second moments Σ a·bᵀ over the rows of two tensors, in float64. Products of at most 4,096 rows are taken in the dtype of the rows, which is fast, and
/// added up in float64: over the hundreds of thousands of places of an early map, fp32 alone would lose what a least-squares fit lives on.
/// </summary>
internal static class Moments
{
    private const int MostRows = 4096;

    /// <summary>Adds the moments of some rows.</summary>
    /// <param name="sum">[m, n], float64.</param>
    /// <param name="a">[rows, m].</param>
    /// <param name="b">[rows, n].</param>
    internal static void Add(Tensor sum, Tensor a, Tensor b)
    {
        var rows = a.Size(0);
        // Parts of like size: a small one at the end would take as long to add.
        var parts = (rows + MostRows - 1) / MostRows;
        for (var part = 0L; part < parts; part++)
        {
            using var scope = new TensorScope();
            var (from, to) = (rows * part / parts, rows * (part + 1) / parts);
            sum.AddInPlace(a.Narrow(0, from, to - from).Transpose(0, 1).MatMul(b.Narrow(0, from, to - from)));
        }
    }

    /// <summary>The moments of some rows.</summary>
    internal static Tensor Of(Tensor a, Tensor b)
    {
        var sum = Tensor.Zeros([a.Size(1), b.Size(1)], DType.Float64, a.Device);
        Add(sum, a, b);
        return sum;
    }
}
