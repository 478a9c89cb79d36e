namespace Espalier.Torch.Optim;

/// <summary>Settings of <see cref="Adam"/> and <see cref="AdamW"/>; the defaults are PyTorch's.</summary>
public sealed record AdamOptions
{
    public double Beta1 { get; init; } = 0.9;

    public double Beta2 { get; init; } = 0.999;

    public double Eps { get; init; } = 1e-8;

    /// <summary>L2 term added to the gradient (Adam) or decoupled decay (AdamW).</summary>
    public double WeightDecay { get; init; }
}

/// <summary>Adam with L2 regularisation in the gradient.</summary>
public class Adam : Optimizer
{
    private readonly Tensor[] _mean;
    private readonly Tensor[] _variance;

    public Adam(IReadOnlyList<Tensor> parameters, double learningRate, AdamOptions? options = null) : base(parameters, learningRate)
    {
        Options = options ?? new AdamOptions();
        _mean = NewState();
        _variance = NewState();
    }

    protected AdamOptions Options { get; }

    protected override void Update(Tensor[] gradients)
    {
        if (Options.WeightDecay != 0) Decay(gradients);
        Foreach.Mul(_mean, Options.Beta1);
        Foreach.Add(_mean, gradients, 1 - Options.Beta1);
        Foreach.Mul(_variance, Options.Beta2);
        Foreach.AddCMul(_variance, gradients, gradients, 1 - Options.Beta2);
        var denominator = Foreach.Sqrt(_variance);
        Foreach.Div(denominator, Math.Sqrt(1 - Math.Pow(Options.Beta2, Steps)));
        Foreach.Add(denominator, Options.Eps);
        Foreach.AddCDiv(Parameters, _mean, denominator, -LearningRate / (1 - Math.Pow(Options.Beta1, Steps)));
    }

    protected virtual void Decay(Tensor[] gradients) => Foreach.Add(gradients, Parameters, Options.WeightDecay);
}

/// <summary>Adam with decoupled weight decay: parameters shrink by lr·decay before the step.</summary>
public sealed class AdamW(IReadOnlyList<Tensor> parameters, double learningRate, AdamOptions? options = null)
    : Adam(parameters, learningRate, options)
{
    protected override void Decay(Tensor[] gradients) => Foreach.Mul(Parameters, 1 - LearningRate * Options.WeightDecay);
}
