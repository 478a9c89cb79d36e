using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Training;

/// <summary>Ordinary training: cross-entropy with labels, with label smoothing, mixup, CutMix and stochastic depth as switches.</summary>
public sealed class SupervisedTask(VitModel model, MixUp mix, double dropPath, ulong seed) : ITrainingTask
{
    private readonly DropPath _dropPath = new(dropPath, model.Architecture.Depth, seed);

    public IReadOnlyList<Tensor> Parameters { get; } = [.. model.Weights.Values];

    public Tensor Loss(TensorBatch batch, long step)
    {
        if (batch.Labels is null) throw new InputException("Supervised training needs labels; the data has none.");
        var (pixels, targets) = mix.Apply(batch, model.Architecture.Classes, seed, step);
        return Functional.CrossEntropy(model.Logits(pixels, _dropPath.At(step)).To(DType.Float32), targets);
    }
}
