using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// Puts a token mixer in the place of an attention, fitted in closed form: the bias is what the tokens of a position lack on the mean over the
/// images, the map is the reduced-rank ridge regression of what an image's tokens lack on its mean token. The bias takes up all that is the
/// same in every image, so the map sees both centred; it is one for all tokens, so it sees of what they lack only their weighted mean.
/// </summary>
internal static class MixerRepair
{
    /// <summary>The model with a mixer instead of block <paramref name="index"/>'s attention; one that does nothing when solving is off.</summary>
    /// <param name="model">The student; it stays as it is.</param>
    /// <param name="index">Block with attention and MLP.</param>
    /// <param name="rank">r ≥ 0; 0 is the bias alone.</param>
    /// <param name="inputs">The student's tokens before the block.</param>
    /// <param name="wanted">The teacher's tokens after the attention.</param>
    /// <param name="layer">How to solve.</param>
    internal static VitModel Run(VitModel model, int index, int rank, TokenStream inputs, TokenStream wanted, LayerRepair layer)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var fit = layer.Options.Solve ? Fit(rank, inputs, wanted, layer) : null;
        using var without = model.RemoveAttention(index);
        var mixed = without.AddMixer(index, rank, layer.Options.Seed);
        if (fit is null) return mixed;

        var (prefix, kept) = ($"blocks.{index}.mixer.", fit.Down.Size(0));
        mixed.Weights[prefix + "bias"].CopyFrom(fit.Bias * layer.Options.Damping);
        if (kept == 0) return mixed;
        // A rank above D has columns to spare; up stays 0 there, so that they count for nothing.
        mixed.Weights[prefix + "down.weight"].Narrow(0, 0, kept).CopyFrom(fit.Down);
        mixed.Weights[prefix + "up.weight"].Narrow(1, 0, kept).CopyFrom(fit.Up * layer.Options.Damping);
        return mixed;
    }

    /// <summary>
    /// The model with the bias of block <paramref name="index"/>'s mixer solved anew. Its map stays: pulled to nothing, as a new one is, it
    /// would lose what training gave it.
    /// </summary>
    internal static VitModel Refit(VitModel model, int index, TokenStream inputs, TokenStream wanted, LayerRepair layer)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var moments = MixerMoments.Of(inputs, wanted, x => model.AfterAttention(index, x), layer);
        var refitted = model.Clone();
        refitted.Weights[$"blocks.{index}.mixer.bias"].AddInPlace(moments.MeanLack.To(DType.Float32), layer.Options.Damping);
        return refitted;
    }

    private static Mixer Fit(int rank, TokenStream inputs, TokenStream wanted, LayerRepair layer)
    {
        var moments = MixerMoments.Of(inputs, wanted, x => x, layer);
        long width = inputs[0].Size(-1), kept = Math.Min(rank, width);
        if (kept == 0)
            return new Mixer(moments.MeanLack, Tensor.Zeros([0, width], DType.Float64), Tensor.Zeros([width, 0], DType.Float64));

        using var sums = moments.Regression(layer.Calibration);
        int[] all = [.. Enumerable.Range(0, (int)width)];
        var prior = Tensor.Zeros([width, width + 1], DType.Float64, inputs[0].Device);
        // One strength for every rank, so that a higher rank only adds to what a lower one has.
        var strength = layer.Strength(sums, prior, all) ?? layer.Options.Correction;
        var map = Ridge.Solve(sums.Gram(), sums.Cross(), prior, all, strength).Narrow(1, 0, width);
        // The best map of rank r in the metric of the inputs, S + λ, is U·Uᵀ·M with U the first left singular vectors of M·(S + λ)^½.
        // As M = C·(S + λ)⁻¹, C being the cross moments, they are the last eigenvectors of M·(S + λ)·Mᵀ = C·Mᵀ.
        var (_, vectors) = sums.Cross().Narrow(1, 0, width).MatMul(map.Transpose(0, 1)).SymmetricEigen();
        var up = vectors.Narrow(1, width - kept, kept);
        var down = up.Transpose(0, 1).MatMul(map);
        var bias = moments.MeanLack - moments.MeanToken.MatMul(down.Transpose(0, 1)).MatMul(up.Transpose(0, 1));
        // Factors of like size, as training moves both.
        var size = down.Norm([1]).Clamp(1e-30, double.MaxValue).Sqrt();
        return new Mixer(bias, down / size.Reshape(-1, 1), up * size);
    }

    /// <summary>Bias [N, D], down [r, D] and up [D, r], float64.</summary>
    private sealed record Mixer(Tensor Bias, Tensor Down, Tensor Up);
}
