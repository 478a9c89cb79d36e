using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <content>Narrower: units are kept or removed, the tensors of the rest stay what they were.</content>
public static partial class VitEdit
{
    /// <summary>
    /// Keeps the given hidden units of a block's MLP: rows of fc1 and its bias, columns of fc2; fc2's bias whole.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="block">Index of the block.</param>
    /// <param name="units">Distinct, ascending, each in [0, mlp_hidden).</param>
    public static VitModel KeepHidden(this VitModel model, int block, ReadOnlySpan<int> units)
    {
        var before = model.Architecture.Blocks[block];
        if (units.IsEmpty) throw new ArgumentException("At least one hidden unit must be kept; use RemoveMlp to drop them all.");
        CheckUnits(units, before.MlpHidden, "Hidden units");
        var kept = units.Length;
        return model.Cut(WidthCut.Of(model.Architecture, UnitKind.Hidden, block, [.. units]), before with { MlpHidden = kept });
    }

    /// <summary>
    /// Keeps the given channels of a block's heads, the same ones of queries, keys and values: rows of qkv and its bias, columns of the projection.
    /// The factor on the logits stays what it was.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="block">Index of a block whose query and value widths are alike.</param>
    /// <param name="heads">Heads left.</param>
    /// <param name="units">heads·dim of them: head·dim + channel, distinct and ascending, as many from every head that is left.</param>
    public static VitModel KeepHeadChannels(this VitModel model, int block, int heads, ReadOnlySpan<int> units)
    {
        var before = model.Architecture.Blocks[block];
        if (before.QkDim != before.VDim || heads < 1 || units.Length % heads != 0)
            throw new ArgumentException($"Block {block}: {units.Length} channels of {heads} heads cannot be kept of {before.Heads} heads of {before.QkDim} "
                + $"query and {before.VDim} value channels.");
        CheckUnits(units, before.Heads * before.QkDim, "Head channels");
        var dim = units.Length / heads;
        for (var k = 0; k < units.Length; k++)
            if (units[k] / before.QkDim != units[k / dim * dim] / before.QkDim)
                throw new ArgumentException($"Block {block}: every head that is left must keep {dim} channels; channel {units[k]} is one too many.");
        return model.Cut(WidthCut.Of(model.Architecture, UnitKind.HeadChannels, block, [.. units]), before with
        {
            Heads = heads, QkDim = dim, VDim = dim, AttentionScale = before.AttentionScale ?? (dim == before.QkDim ? null : 1 / Math.Sqrt(before.QkDim)),
        });
    }

    /// <summary>Keeps the given residual channels: everywhere in a plain network, in one stage of a Swin.</summary>
    /// <param name="model">The model.</param>
    /// <param name="units">Distinct, ascending, each in [0, embedding width).</param>
    /// <param name="first">The first block of the stage; -1 for the first one.</param>
    public static VitModel KeepEmbedding(this VitModel model, ReadOnlySpan<int> units, int first = -1)
    {
        var cut = WidthCut.Of(model.Architecture, UnitKind.Embedding, first, [.. units]);
        CheckUnits(units, cut.Before, "Residual channels");
        return model.Cut(cut, model.Architecture.WithWidth(first, units.Length));
    }

    private static VitModel Cut(this VitModel model, WidthCut cut, VitBlock block) =>
        model.Cut(cut, model.Architecture with { Blocks = model.Architecture.Blocks.SetItem(cut.Block, block) });

    private static VitModel Cut(this VitModel model, WidthCut cut, VitArchitecture architecture)
    {
        using var noGrad = new NoGrad();
        var weights = new Weights();
        foreach (var (name, tensor) in model.Weights)
        {
            using var scope = new TensorScope();
            var kept = cut.Apply(name, tensor);
            weights.Set(name, ReferenceEquals(kept, tensor) ? tensor.Detach().Clone() : kept);
        }
        return new VitModel(architecture, model.Preprocessing, weights);
    }

    private static void CheckUnits(ReadOnlySpan<int> units, int all, string what)
    {
        if (units.IsEmpty) throw new ArgumentException($"{what}: at least one must be kept.");
        for (var k = 0; k < units.Length; k++)
            if (units[k] >= all || (k == 0 ? units[0] < 0 : units[k] <= units[k - 1]))
                throw new ArgumentException($"{what} must be distinct, ascending and in [0, {all}); got {units[k]} at position {k}.");
    }
}
