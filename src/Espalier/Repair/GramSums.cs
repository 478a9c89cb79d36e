using Espalier.Torch;
using Espalier.Torch.Distributed;

namespace Espalier.Repair;

/// <summary>
/// All that a least-squares repair of one linear layer needs to know of the images: weighted second moments of its inputs (with a constant
/// appended, for the bias) and of the output it should have. Summed in float64 (see <see cref="Moments"/>) batch by batch, so memory does not grow with the images;
/// kept apart by fold, so that a solution can be judged on images it did not see.
/// </summary>
public sealed class GramSums : IDisposable
{
    private readonly Tensor[] _gram;
    private readonly Tensor[] _cross;
    private readonly double[] _energy;

    /// <param name="inputs">m, inputs of the layer.</param>
    /// <param name="outputs">D, outputs of the layer.</param>
    /// <param name="folds">Parts the images are divided into; at least 2 where some are to be left out.</param>
    /// <param name="device">Device of the activations.</param>
    public GramSums(int inputs, int outputs, int folds, string device)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(folds, 1);
        Inputs = inputs;
        _gram = Zeros(folds, inputs + 1, inputs + 1, device);
        _cross = Zeros(folds, outputs, inputs + 1, device);
        _energy = new double[folds];
    }

    private GramSums(GramSums other, Func<Tensor, Tensor> gram, Func<Tensor, Tensor> cross)
    {
        (Inputs, _energy) = (other.Inputs, [.. other._energy]);
        _gram = [.. other._gram.Select(t => TensorScope.Release(gram(t)))];
        _cross = [.. other._cross.Select(t => TensorScope.Release(cross(t)))];
    }

    /// <summary>m.</summary>
    public int Inputs { get; }

    public int Folds => _gram.Length;

    /// <summary>Adds the tokens of some images.</summary>
    /// <param name="inputs">[B, N, m], what the layer sees; float64 stays so, all else is taken in fp32.</param>
    /// <param name="targets">[B, N, D], what it should answer.</param>
    /// <param name="tokenWeights">[N], how much each position counts; not negative.</param>
    /// <param name="fold">Part the images belong to.</param>
    public void Add(Tensor inputs, Tensor targets, Tensor tokenWeights, int fold)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var dtype = inputs.DType == DType.Float64 ? DType.Float64 : DType.Float32;
        var one = Tensor.Ones([inputs.Size(0), inputs.Size(1), 1], dtype, inputs.Device);
        var x = Tensor.Cat([inputs.To(dtype), one], -1);
        var weights = tokenWeights.To(dtype).Reshape(1, -1, 1);
        var weighted = (x * weights).Reshape(-1, Inputs + 1);
        var y = targets.To(dtype);
        Moments.Add(_gram[fold], weighted, x.Reshape(-1, Inputs + 1));
        Moments.Add(_cross[fold], y.Reshape(-1, y.Size(-1)), weighted);
        _energy[fold] += (y * y * weights).To(DType.Float64).Sum().Item();
    }

    /// <summary>Adds what other processes have summed over their images.</summary>
    internal void Combine(ProcessGroup? group)
    {
        group?.Sum([.. _gram, .. _cross]);
        group?.Sum(_energy.AsSpan());
    }

    /// <summary>Σ w·x·xᵀ [m+1, m+1] over all folds, or over all but one, or of one.</summary>
    public Tensor Gram(int? without = null, int? only = null) => Sum(_gram, without, only);

    /// <summary>Σ w·y·xᵀ [D, m+1].</summary>
    public Tensor Cross(int? without = null, int? only = null) => Sum(_cross, without, only);

    /// <summary>Σ w·‖y − W·x‖² over all folds, or of one.</summary>
    /// <param name="weights">W [D, m+1], float64, the bias last.</param>
    /// <param name="only">One fold; null means all.</param>
    public double Error(Tensor weights, int? only = null)
    {
        using var scope = new TensorScope();
        var energy = only is { } fold ? _energy[fold] : _energy.Sum();
        return energy - 2 * (weights * Cross(only: only)).Sum().Item() + (weights.MatMul(Gram(only: only)) * weights).Sum().Item();
    }

    /// <summary>The same sums with the inputs in another basis, x → T·x.</summary>
    /// <param name="basis">T [m, m], float64; the constant stays.</param>
    public GramSums Rotated(Tensor basis)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var whole = Tensor.Zeros([Inputs + 1, Inputs + 1], DType.Float64, basis.Device);
        whole.Narrow(0, 0, Inputs).Narrow(1, 0, Inputs).CopyFrom(basis);
        whole.Narrow(0, Inputs, 1).Narrow(1, Inputs, 1).AddInPlace(Tensor.Ones([1, 1], DType.Float64, basis.Device));
        var back = whole.Transpose(0, 1);
        return new GramSums(this, gram => whole.MatMul(gram).MatMul(back), cross => cross.MatMul(back));
    }

    public void Dispose()
    {
        foreach (var tensor in _gram.Concat(_cross)) tensor.Dispose();
    }

    private static Tensor Sum(Tensor[] folds, int? without, int? only)
    {
        if (only is { } fold) return folds[fold].Clone();
        var sum = Tensor.ZerosLike(folds[0]);
        for (var k = 0; k < folds.Length; k++)
            if (k != without) sum.AddInPlace(folds[k]);
        return sum;
    }

    private static Tensor[] Zeros(int count, long rows, long columns, string device) =>
        [.. Enumerable.Range(0, count).Select(_ => TensorScope.Release(Tensor.Zeros([rows, columns], DType.Float64, device)))];
}
