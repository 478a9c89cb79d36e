using Espalier.Torch;
using Espalier.Torch.Optim;

namespace Espalier.Training;

/// <summary>Named tensors that the optimizer treats alike.</summary>
/// <param name="Name">Unique among the groups of a task.</param>
/// <param name="Tensors">In a fixed order; names are unique among all groups.</param>
public sealed record ParameterGroup(string Name, IReadOnlyList<KeyValuePair<string, Tensor>> Tensors)
{
    /// <summary>Moments and weight decay; null means the loop's.</summary>
    public AdamOptions? Adam { get; init; }

    /// <summary>Schedule; null means the loop's.</summary>
    public LearningRate? LearningRate { get; init; }

    /// <summary>Factor on the learning rate.</summary>
    public double Scale { get; init; } = 1;
}

/// <summary>
/// How the optimizer's state of a tensor is taken over when the tensor was replaced: from its name and a state tensor of the old shape to one of
/// the new shape; null starts afresh.
/// </summary>
public delegate Tensor? StateCarry(string name, Tensor state);
