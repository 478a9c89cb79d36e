using Espalier.Models;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Finetuning;

/// <summary>What the losses of a finetune have in common: some tensors of a student move, its BatchNorms as the options say.</summary>
/// <param name="student">The compressed network.</param>
/// <param name="trainable">Names of its tensors that move.</param>
public abstract class FinetuneTask(Model student, IEnumerable<string> trainable) : ITrainingTask
{
    private readonly IReadOnlyList<KeyValuePair<string, Tensor>> _trainable = [.. trainable.Select(name => KeyValuePair.Create(name, student.Weights[name]))];

    public IReadOnlyList<Tensor> Parameters => [.. _trainable.Select(t => t.Value)];

    IReadOnlyList<ParameterGroup> ITrainingTask.Groups => [new("all", _trainable)];

    /// <summary>See <see cref="FinetuneOptions.BatchStatistics"/>.</summary>
    public bool BatchStatistics { get; init; } = true;

    public IReadOnlyList<Tensor> Buffers => [.. student.Weights.Where(t => student.IsBuffer(t.Key)).Select(t => t.Value)];

    public abstract Tensor Loss(TensorBatch batch, long step);
}
