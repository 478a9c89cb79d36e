namespace Espalier.Torch.Optim;

/// <summary>An exponential moving average of parameters: a ← d·a + (1−d)·p after each step. Owns its tensors.</summary>
public sealed class ExponentialAverage : IDisposable
{
    private readonly Tensor[] _parameters;
    private readonly Tensor[] _average;

    /// <param name="parameters">Followed, not owned.</param>
    /// <param name="decay">In [0, 1).</param>
    public ExponentialAverage(IReadOnlyList<Tensor> parameters, double decay)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(decay);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(decay, 1);
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        Decay = decay;
        _parameters = [.. parameters];
        _average = [.. parameters.Select(p => TensorScope.Release(p.Detach().Clone()))];
    }

    public double Decay { get; }

    /// <summary>The averages, in the parameters' order.</summary>
    public IReadOnlyList<Tensor> Average => _average;

    /// <summary>Takes the parameters' present values in. Early on the decay is lowered to (1+t)/(10+t), so that the start does not linger.</summary>
    /// <param name="step">Steps taken so far.</param>
    public void Update(long step)
    {
        using var noGrad = new NoGrad();
        var decay = Math.Min(Decay, (1.0 + step) / (10.0 + step));
        Foreach.Mul(_average, decay);
        Foreach.Add(_average, _parameters, 1 - decay);
    }

    /// <summary>Overwrites the parameters with their averages.</summary>
    public void CopyToParameters()
    {
        using var noGrad = new NoGrad();
        for (var k = 0; k < _parameters.Length; k++) _parameters[k].CopyFrom(_average[k]);
    }

    public void Dispose()
    {
        foreach (var tensor in _average) tensor.Dispose();
    }
}
