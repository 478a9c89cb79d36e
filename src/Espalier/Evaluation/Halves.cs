using Espalier.Torch;

namespace Espalier.Evaluation;

/// <summary>Runs a batch whose rows do not depend on each other; in halves, once memory does not suffice for the whole.</summary>
/// <param name="run">Gives a row for each row of its input.</param>
internal sealed class Halves(Func<Tensor, Tensor> run)
{
    private long _most = long.MaxValue;

    /// <summary>What <paramref name="rows"/> come to. Later calls begin with as many rows at once as worked.</summary>
    /// <exception cref="FailureException">A single row is too much.</exception>
    internal Tensor Run(Tensor rows)
    {
        var count = rows.Size(0);
        if (count <= _most)
            try
            {
                using var scope = new TensorScope();
                return scope.Keep(run(rows));
            }
            catch (Exception e) when (e is TorchOutOfMemoryException or OutOfMemoryException)
            {
                if (count == 1) throw new FailureException("Out of memory with a single image; use a smaller model or a machine with more.", e);
                _most = count / 2;
            }
        var half = count / 2;
        return Tensor.Cat([Run(rows.Narrow(0, 0, half)), Run(rows.Narrow(0, half, count - half))], 0);
    }
}
