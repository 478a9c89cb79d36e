using Espalier.Models;
using Espalier.Torch;
using Espalier.Torch.Optim;
using Espalier.Training;

namespace Espalier.Supervised;

/// <summary>Ordinary training: cross-entropy with labels, with label smoothing, mixup, CutMix and stochastic depth as switches.</summary>
public sealed class SupervisedTask(Model model, MixUp mix, double dropPath, ulong seed) : ITrainingTask
{
    private readonly DropPath _dropPath = new(dropPath, model.Architecture.Depth, seed);

    /// <summary>See <see cref="TrainRecipe.LayerDecay"/>.</summary>
    public double? LayerDecay { get; init; }

    public IReadOnlyList<Tensor> Parameters => LayerDecay is null ? [.. model.Parameters.Select(t => t.Value)] : [.. LayerGroups().SelectMany(g => g.Tensors.Select(t => t.Value))];

    IReadOnlyList<ParameterGroup> ITrainingTask.Groups => LayerDecay is not null ? LayerGroups()
        : [new("all", [.. model.Parameters])];

    public IReadOnlyList<Tensor> Buffers => [.. model.Weights.Where(t => model.IsBuffer(t.Key)).Select(t => t.Value)];

    public Tensor Loss(TensorBatch batch, long step)
    {
        if (batch.Labels is null) throw new InputException("Supervised training needs labels; the data has none.");
        var (pixels, targets) = mix.Apply(batch, model.Architecture.Classes, seed, step);
        return Functional.CrossEntropy(model.TrainingLogits(pixels, _dropPath.At(step, batch)).To(DType.Float32), targets);
    }

    /// <summary>What tells tokens apart is not pulled to nothing.</summary>
    internal static bool IsPosition(string name) =>
        name is "cls_token" or "dist_token" or "reg_token" or "pos_embed" || name.EndsWith("relative_position_bias_table", StringComparison.Ordinal);

    private IReadOnlyList<ParameterGroup> LayerGroups() =>
    [
        .. model.Parameters.GroupBy(t => (Layer: model.Layer(t.Key), Decays: t.Value.Shape.Length > 1 && !IsPosition(t.Key)))
            .Select(g => new ParameterGroup($"layer {g.Key.Layer}{(g.Key.Decays ? "" : ", no decay")}", [.. g])
            {
                Scale = Math.Pow(LayerDecay!.Value, model.Architecture.Depth + 1 - g.Key.Layer),
                Adam = g.Key.Decays ? null : new AdamOptions(),
            }),
    ];
}
