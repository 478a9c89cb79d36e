namespace Espalier.Torch.Optim;

/// <summary>
/// Updates parameters in place from their gradients. Arithmetic follows PyTorch's foreach implementations step by step.
/// The parameters stay the caller's; the optimizer owns only its state.
/// </summary>
public abstract class Optimizer : IDisposable
{
    private readonly List<Tensor[]> _state = [];
    private bool _disposed;

    protected Optimizer(IReadOnlyList<Tensor> parameters, double learningRate)
    {
        if (parameters.Count == 0) throw new ArgumentException("An optimizer needs at least one parameter.");
        Parameters = [.. parameters];
        LearningRate = learningRate;
    }

    /// <summary>Step size; a schedule sets it before each step.</summary>
    public double LearningRate { get; set; }

    /// <summary>Steps taken.</summary>
    public long Steps { get; private set; }

    protected Tensor[] Parameters { get; }

    /// <summary>Updates every parameter and clears the gradients.</summary>
    /// <exception cref="InvalidOperationException">A parameter has no gradient: the loss does not depend on it.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public void Step()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var gradients = Gradients();
        Steps++;
        Update(gradients);
        foreach (var parameter in Parameters) parameter.Grad = null;
    }

    /// <summary>
    /// Scales all gradients so that their joint Euclidean norm is at most <paramref name="maxNorm"/>; returns the norm
    /// before.
    /// </summary>
    public double ClipGradients(double maxNorm) => ClipGradients([this], maxNorm);

    /// <summary>The same of the gradients of several optimizers together.</summary>
    public static double ClipGradients(IReadOnlyList<Optimizer> optimizers, double maxNorm)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        Tensor[] gradients = [.. optimizers.SelectMany(o => o.Gradients())];
        var total = Tensor.Stack(Foreach.Norms(gradients)).Norm();
        var factor = ((total + 1e-6).Reciprocal() * maxNorm).Item(); // on tensors: rounds as PyTorch's does
        if (factor < 1) Foreach.Mul(gradients, factor);
        return total.Item();
    }

    /// <summary>The same without the norm: nothing waits for an accelerator.</summary>
    public static void Clip(IReadOnlyList<Optimizer> optimizers, double maxNorm)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        Tensor[] gradients = [.. optimizers.SelectMany(o => o.Gradients())];
        if (gradients[0].Device == "cpu")
        {
            ClipGradients(optimizers, maxNorm);
            return;
        }
        var factor = ((Tensor.Stack(Foreach.Norms(gradients)).Norm() + 1e-6).Reciprocal() * maxNorm).Clamp(0, 1);
        foreach (var gradient in gradients) gradient.CopyFrom(gradient * factor);
    }

    /// <summary>State tensors in a fixed order, for checkpoints: one per parameter and moment.</summary>
    public IReadOnlyList<Tensor> State => [.. _state.SelectMany(s => s)];

    /// <summary>
    /// Puts a checkpoint's <see cref="State"/> and step count back; the next step continues as if never interrupted.
    /// </summary>
    /// <exception cref="ArgumentException">Number or shapes of the tensors differ from this optimizer's.</exception>
    public void Restore(IReadOnlyList<Tensor> state, long steps)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using var noGrad = new NoGrad();
        var own = State;
        if (own.Count != state.Count)
            throw new ArgumentException($"The optimizer has {own.Count} state tensors, the checkpoint {state.Count}.");
        for (var k = 0; k < own.Count; k++)
            if (!own[k].Shape.AsSpan().SequenceEqual(state[k].Shape)) // a copy would broadcast
                throw new ArgumentException($"State tensor {k} is {own[k].Describe()}, the checkpoint's is {state[k].Describe()}.");
        for (var k = 0; k < own.Count; k++) own[k].CopyFrom(state[k]);
        Steps = steps;
    }

    public void Dispose()
    {
        foreach (var tensor in State) tensor.Dispose();
        _state.Clear();
        _disposed = true;
        GC.SuppressFinalize(this);
    }

    protected abstract void Update(Tensor[] gradients);

    /// <summary>Allocates one zero tensor per parameter, or for each of <paramref name="of"/>.</summary>
    protected Tensor[] NewState(IEnumerable<Tensor>? of = null)
    {
        using var noGrad = new NoGrad();
        var state = (of ?? Parameters).Select(p => TensorScope.Release(Tensor.ZerosLike(p))).ToArray();
        _state.Add(state);
        return state;
    }

    private Tensor[] Gradients()
    {
        var gradients = new Tensor[Parameters.Length];
        for (var k = 0; k < gradients.Length; k++)
            gradients[k] = Parameters[k].Grad
                ?? throw new InvalidOperationException($"Parameter {k} ({Parameters[k].Describe()}) has no gradient.");
        return gradients;
    }
}
