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
        Move(Parameters, gradients, _mean, _variance, LearningRate, Steps, Options);
    }

    /// <summary>One step without weight decay.</summary>
    internal static void Move(Tensor[] parameters, Tensor[] gradients, Tensor[] mean, Tensor[] variance, double learningRate, long step,
        AdamOptions options)
    {
        Foreach.Mul(mean, options.Beta1);
        Foreach.Add(mean, gradients, 1 - options.Beta1);
        Foreach.Mul(variance, options.Beta2);
        Foreach.AddCMul(variance, gradients, gradients, 1 - options.Beta2);
        var denominator = Foreach.Sqrt(variance);
        Foreach.Div(denominator, Math.Sqrt(1 - Math.Pow(options.Beta2, step)));
        Foreach.Add(denominator, options.Eps);
        Foreach.AddCDiv(parameters, mean, denominator, -learningRate / (1 - Math.Pow(options.Beta1, step)));
    }

    protected virtual void Decay(Tensor[] gradients) => Foreach.Add(gradients, Parameters, Options.WeightDecay);
}

/// <summary>Adam with decoupled weight decay: parameters shrink by lr·decay before the step.</summary>
public sealed class AdamW(IReadOnlyList<Tensor> parameters, double learningRate, AdamOptions? options = null)
    : Adam(parameters, learningRate, options)
{
    protected override void Decay(Tensor[] gradients) => Foreach.Mul(Parameters, 1 - LearningRate * Options.WeightDecay);
}
