using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.DcVit;

/// <summary>Turns one block of a model into its compressed form (§1).</summary>
/// <param name="Variant">What happens to the block.</param>
/// <param name="Init">What the MLP that is left starts from.</param>
/// <param name="Hidden">h, hidden units that stay; only for <see cref="BlockVariant.Compress"/>.</param>
/// <param name="NormEps">LayerNorm epsilon of a compressed block; null keeps the teacher's.</param>
/// <param name="Seed">Random subsets come from (seed, block, step) alone, so they do not depend on what ran before (§11-11).</param>
public sealed record BlockCompression(BlockVariant Variant, MlpInit Init, int Hidden, double? NormEps, ulong Seed)
{
    /// <summary>Replaces (block, step) as the name of a random draw: the number of draws before it, for a run-wide generator.</summary>
    public long? Stream { get; init; }

    private SeededRandom Random(string what, int block, int step) => Stream is { } draw
        ? new SeededRandom(Seed, what, draw) : new SeededRandom(Seed, what, block, step);

    /// <summary>The model with block <paramref name="block"/> compressed; every other tensor is a bit-exact copy.</summary>
    /// <param name="model">The student so far; it stays as it is.</param>
    /// <param name="block">Index of the block.</param>
    /// <param name="step">Progressive step, from 0: each draws anew.</param>
    /// <param name="meanActivation">Mean post-GELU activation of each hidden unit, for <see cref="MlpInit.GeluSample"/>.</param>
    public VitModel Apply(VitModel model, int block, int step, ReadOnlySpan<float> meanActivation = default)
    {
        switch (Variant)
        {
            case BlockVariant.RemoveAttention: return model.RemoveAttention(block).Then(WithNormEps);
            case BlockVariant.RemoveMlp: return model.RemoveMlp(block);
            case BlockVariant.Identity: return model.ReplaceByLinear(block);
            case BlockVariant.Drop: return model.DropBlock(block);
        }
        var units = Choose(model.Architecture.Blocks[block].MlpHidden, block, step, meanActivation);
        var compressed = model.RemoveAttention(block).Then(m => m.KeepHidden(block, units)).Then(WithNormEps);
        if (Init == MlpInit.RandomInit) Redraw(compressed, block, step);
        return compressed;

        VitModel WithNormEps(VitModel m) => m.SetNormEps(block, NormEps ?? m.Architecture.Blocks[block].NormEps);
    }

    /// <summary>The same for a block of a convolutional network: it is dropped, or a random subset of its inner channels stays (§1.5).</summary>
    public CnnModel Apply(CnnModel model, int block, int step) => Variant == BlockVariant.Drop ? model.DropBlock(block)
        : model.KeepHidden(block, Choose(model.Architecture.Blocks[block].Hidden, block, step, []));

    private int[] Choose(int total, int block, int step, ReadOnlySpan<float> meanActivation)
    {
        if (Init == MlpInit.GeluSample)
        {
            if (meanActivation.Length != total)
                throw new ArgumentException($"Block {block} has {total} hidden units but {meanActivation.Length} mean activations were given.");
            var mean = meanActivation.ToArray();
            return [.. Enumerable.Range(0, total).OrderByDescending(i => mean[i]).Take(Hidden).Order()];
        }
        var chosen = Random("units", block, step).Choose(total, Hidden);
        Array.Sort(chosen);
        return chosen;
    }

    // PyTorch's default for a linear layer: weights and biases U(±1/√fan_in).
    private void Redraw(VitModel model, int block, int step)
    {
        using var noGrad = new NoGrad();
        using var generator = new Generator(Random("fresh MLP", block, step).NextUInt64(), model.Device);
        foreach (var (layer, fanIn) in new[] { ("fc1", model.Architecture.WidthOf(block)), ("fc2", Hidden) })
            foreach (var kind in new[] { "weight", "bias" })
                model.Weights[$"blocks.{block}.mlp.{layer}.{kind}"].UniformInPlace(-1 / Math.Sqrt(fanIn), 1 / Math.Sqrt(fanIn), generator);
    }
}
