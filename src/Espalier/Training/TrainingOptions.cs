using Espalier.Torch;
using Espalier.Torch.Distributed;
using Espalier.Torch.Optim;

namespace Espalier.Training;

/// <summary>Which optimizer updates the parameters.</summary>
public enum OptimizerKind
{
    AdamW,
    Adam,
    Sgd,
    /// <summary>Orthogonalised momentum for matrices, AdamW for the rest.</summary>
    Muon,
}

/// <summary>How a loop runs. Everything has a default but the number of steps and the learning rate.</summary>
public sealed record TrainingOptions
{
    /// <summary>Optimizer steps of the whole run, ≥ 0.</summary>
    public required long Steps { get; init; }

    public required LearningRate LearningRate { get; init; }

    public OptimizerKind Optimizer { get; init; } = OptimizerKind.AdamW;

    /// <summary>Moments and weight decay of Adam and AdamW; its decay also serves SGD and Muon.</summary>
    public AdamOptions Adam { get; init; } = new();

    /// <summary>Momentum of SGD.</summary>
    public double Momentum { get; init; } = 0.9;

    /// <summary>Largest joint gradient norm; null does not clip.</summary>
    public double? ClipNorm { get; init; }

    /// <summary>Matrix products in bf16; master weights and optimizer state stay fp32.</summary>
    public bool Bf16 { get; init; }

    /// <summary>Decay of the weight average that replaces the weights at the end; null keeps none.</summary>
    public double? EmaDecay { get; init; }

    /// <summary>Device of the model, for autocast.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Processes that train together, each on its share of every batch; null trains alone.</summary>
    public ProcessGroup? Group { get; init; }

    /// <summary>The loop reads the loss (on an accelerator: waits for it) every so many steps.</summary>
    public int ReadLossEvery { get; init; } = 1;

    /// <summary>Batches whose mean gradient makes a step.</summary>
    public int Accumulate { get; init; } = 1;

    internal Optimizer CreateOptimizer(IReadOnlyList<Tensor> parameters, AdamOptions? adam = null) => Optimizer switch
    {
        OptimizerKind.AdamW => new AdamW(parameters, LearningRate.Peak, adam ?? Adam),
        OptimizerKind.Muon => new Muon(parameters, LearningRate.Peak, adam ?? Adam),
        OptimizerKind.Adam => new Adam(parameters, LearningRate.Peak, adam ?? Adam),
        _ => new Sgd(parameters, LearningRate.Peak, Momentum, (adam ?? Adam).WeightDecay),
    };
}
