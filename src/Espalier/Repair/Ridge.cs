using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// The closed-form repair of a linear layer: least squares towards the wanted output, pulled to the weights it had rather than to zero.
/// minimise Σ w·‖y − W·x‖² + λ‖W − W₀‖² over the inputs that stay. Whatever λ, the error on the images is never above that of W₀.
/// </summary>
public static class Ridge
{
    /// <summary>Candidates for the strength, as fractions of the inputs' mean second moment.</summary>
    private static readonly double[] s_strengths = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1];

    // The bias is not pulled, but a singular system must have a solution all the same.
    private const double BiasPull = 1e-9;
    // Inputs that are all zero keep their weights.
    private const double LeastPull = 1e-30;

    /// <summary>W [D, k+1], the bias last, of the layer that keeps the inputs <paramref name="kept"/>.</summary>
    /// <param name="gram">[m+1, m+1].</param>
    /// <param name="cross">[D, m+1].</param>
    /// <param name="prior">W₀ [D, m+1].</param>
    /// <param name="kept">k ascending inputs.</param>
    /// <param name="strength">λ as a fraction of the inputs' mean second moment; above 0.</param>
    public static Tensor Solve(Tensor gram, Tensor cross, Tensor prior, ReadOnlySpan<int> kept, double strength)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        int[] indices = [.. kept, (int)gram.Size(0) - 1];
        var pull = Pull(gram, strength).IndexSelect(0, indices);
        var system = gram.IndexSelect(0, indices).IndexSelect(1, indices);
        system.Diagonal().AddInPlace(pull);
        var right = cross.IndexSelect(1, indices) + prior.IndexSelect(1, indices) * pull;
        return scope.Keep(system.Solve(right.Transpose(0, 1)).Transpose(0, 1));
    }

    /// <summary>
    /// The same layer by two regressions. What the inputs that go gave is a function of the layer's inputs alone, which few images tell well; what
    /// earlier cuts left is not, and is believed less. With the wanted output y = W₀·x + (y − W₀·x) each part is solved for with its own λ.
    /// </summary>
    /// <param name="gram">[m+1, m+1].</param>
    /// <param name="cross">[D, m+1].</param>
    /// <param name="prior">W₀ [D, m+1].</param>
    /// <param name="kept">k ascending inputs.</param>
    /// <param name="compensation">λ for what the inputs that go gave; above 0.</param>
    /// <param name="correction">λ for the rest; above 0.</param>
    /// <param name="share">How much of the correction to apply, in [0, 1].</param>
    public static Tensor SolveApart(Tensor gram, Tensor cross, Tensor prior, ReadOnlySpan<int> kept, double compensation, double correction, double share)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var own = prior.MatMul(gram);
        int[] indices = [.. kept, (int)gram.Size(0) - 1];
        var sliced = prior.IndexSelect(1, indices);
        var step = Solve(gram, own, prior, kept, compensation) - sliced + Solve(gram, cross - own, Tensor.ZerosLike(prior), kept, correction) * share;
        // Either part alone lowers the error; where they point the same way, both together may go too far.
        var residual = (cross - sliced.MatMul(gram.IndexSelect(0, indices))).IndexSelect(1, indices);
        var (descent, curvature) = ((residual * step).Sum().Item(), (step.MatMul(gram.IndexSelect(0, indices).IndexSelect(1, indices)) * step).Sum().Item());
        return scope.Keep(sliced + step * (descent < curvature ? Math.Max(0, descent / curvature) : 1));
    }

    /// <summary>The strength with the least error on images left out, fold by fold (tokens of an image stay together: they are alike).</summary>
    public static double ChooseStrength(GramSums sums, Tensor prior, ReadOnlySpan<int> kept)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sums.Folds, 2);
        var (best, least) = (s_strengths[0], double.PositiveInfinity);
        foreach (var strength in s_strengths)
        {
            double error = 0;
            for (var fold = 0; fold < sums.Folds; fold++)
            {
                using var scope = new TensorScope();
                var solution = Solve(sums.Gram(without: fold), sums.Cross(without: fold), prior, kept, strength);
                error += sums.Error(Widen(solution, kept, sums.Inputs), only: fold);
            }
            if (error < least) (best, least) = (strength, error);
        }
        return best;
    }

    /// <summary>The solution as a layer of all m inputs, zero where an input is gone: [D, m+1].</summary>
    public static Tensor Widen(Tensor solution, ReadOnlySpan<int> kept, int inputs)
    {
        using var scope = new TensorScope();
        var wide = Tensor.Zeros([solution.Size(0), inputs + 1], DType.Float64, solution.Device);
        long[] indices = [.. kept.ToArray(), inputs];
        return scope.Keep(wide.IndexAdd(1, Tensor.From<long>(indices).To(solution.Device), solution));
    }

    /// <summary>The diagonal of the pull [m+1]: one strength for all inputs, nearly none for the bias.</summary>
    internal static Tensor Pull(Tensor gram, double strength)
    {
        using var scope = new TensorScope();
        var inputs = gram.Size(0) - 1;
        var diagonal = gram.Diagonal();
        var level = diagonal.Narrow(0, 0, inputs).Mean() * strength + LeastPull;
        return scope.Keep(Tensor.Cat([level.Expand(inputs), diagonal.Narrow(0, inputs, 1) * BiasPull], 0));
    }
}
