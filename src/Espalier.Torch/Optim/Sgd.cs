namespace Espalier.Torch.Optim;

/// <summary>Stochastic gradient descent with momentum and L2 regularisation, as PyTorch's (no dampening, no Nesterov).</summary>
public sealed class Sgd : Optimizer
{
    private readonly double _momentum;
    private readonly double _weightDecay;
    private readonly Tensor[]? _velocity;

    public Sgd(IReadOnlyList<Tensor> parameters, double learningRate, double momentum = 0, double weightDecay = 0)
        : base(parameters, learningRate)
    {
        _momentum = momentum;
        _weightDecay = weightDecay;
        if (momentum != 0) _velocity = NewState();
    }

    protected override void Update(Tensor[] gradients)
    {
        if (_weightDecay != 0) Foreach.Add(gradients, Parameters, _weightDecay);
        if (_velocity is not null)
        {
            Foreach.Mul(_velocity, _momentum);
            Foreach.Add(_velocity, gradients);
        }
        Foreach.Add(Parameters, _velocity ?? gradients, -LearningRate);
    }
}
