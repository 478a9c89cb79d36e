namespace Espalier.Torch.Optim;

/// <summary>
/// Muon (Jordan 2024): the momentum of every matrix is replaced by its nearest semi-orthogonal matrix, so that all its directions move alike;
/// everything that is not a matrix is AdamW's. Updates are scaled as Liu et al. (2025) do, 0.2·√max(rows, columns), so that AdamW's
/// learning rate and weight decay serve both.
/// </summary>
public sealed class Muon : Optimizer
{
    private const double Momentum = 0.95;
    private const int Iterations = 5;
    private const double Scale = 0.2;
    private readonly AdamOptions _options;
    private readonly int[] _matrices;
    private readonly int[] _others;
    private readonly Tensor[] _velocity;
    private readonly Tensor[] _mean;
    private readonly Tensor[] _variance;

    public Muon(IReadOnlyList<Tensor> parameters, double learningRate, AdamOptions? options = null) : base(parameters, learningRate)
    {
        _options = options ?? new AdamOptions();
        _matrices = [.. Enumerable.Range(0, parameters.Count).Where(k => parameters[k].Shape.Length == 2)];
        _others = [.. Enumerable.Range(0, parameters.Count).Except(_matrices)];
        _velocity = NewState(Pick(Parameters, _matrices));
        _mean = NewState(Pick(Parameters, _others));
        _variance = NewState(Pick(Parameters, _others));
    }

    protected override void Update(Tensor[] gradients)
    {
        if (_options.WeightDecay != 0) Foreach.Mul(Parameters, 1 - LearningRate * _options.WeightDecay);
        if (_others.Length > 0) Adam.Move(Pick(Parameters, _others), Pick(gradients, _others), _mean, _variance, LearningRate, Steps, _options);
        if (_matrices.Length == 0) return;
        var steepest = Pick(gradients, _matrices);
        Foreach.Mul(_velocity, Momentum);
        Foreach.Add(_velocity, steepest);
        Foreach.Add(steepest, _velocity, Momentum); // Nesterov
        for (var k = 0; k < _matrices.Length; k++)
        {
            using var scope = new TensorScope();
            var scale = Scale * Math.Sqrt(Math.Max(steepest[k].Size(0), steepest[k].Size(1)));
            Parameters[_matrices[k]].AddInPlace(Orthogonalize(steepest[k]), -LearningRate * scale);
        }
    }

    /// <summary>
    /// UVᵀ of the singular value decomposition USVᵀ, roughly: five Newton-Schulz steps of a quintic leave singular values in about [0.7, 1.2].
    /// </summary>
    /// <param name="matrix">[rows, columns].</param>
    public static Tensor Orthogonalize(Tensor matrix)
    {
        const double a = 3.4445, b = -4.7750, c = 2.0315;
        using var scope = new TensorScope();
        var tall = matrix.Size(0) > matrix.Size(1);
        var x = tall ? matrix.Transpose(0, 1) : matrix;
        x *= (x.Norm() + 1e-7).Reciprocal();
        for (var k = 0; k < Iterations; k++)
        {
            var gram = x.MatMul(x.Transpose(0, 1));
            x = x * a + (gram * b + gram.MatMul(gram) * c).MatMul(x);
        }
        return scope.Keep(tall ? x.Transpose(0, 1) : x);
    }

    private static Tensor[] Pick(Tensor[] tensors, int[] indices) => Array.ConvertAll(indices, k => tensors[k]);
}
