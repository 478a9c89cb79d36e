using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// What the fit of a token mixer needs of the images, float64. A mixer sees an image only by its mean token, and gives all its tokens the
/// same but for a bias by position; so a vector or two an image, and one mean for each position, are all there is to know.
/// </summary>
/// <param name="MeanLack">What the tokens of each position lack, on the mean over all images [N, D].</param>
/// <param name="MeanToken">The mean over all tokens of all images [1, D].</param>
/// <param name="MeanWeighedLack">The mean of <paramref name="Lacks"/> over all images [1, D].</param>
/// <param name="Tokens">By batch of this process, the mean token of every image [B, D].</param>
/// <param name="Lacks">By batch of this process, the weighted mean of what an image's tokens lack [B, D].</param>
internal sealed record MixerMoments(Tensor MeanLack, Tensor MeanToken, Tensor MeanWeighedLack, Tensor[] Tokens, Tensor[] Lacks)
{
    /// <param name="inputs">The student's tokens before the block.</param>
    /// <param name="wanted">The teacher's tokens after the attention.</param>
    /// <param name="step">What the student makes of its tokens so far.</param>
    /// <param name="layer">Gives the token weights.</param>
    internal static MixerMoments Of(TokenStream inputs, TokenStream wanted, Func<Tensor, Tensor> step, LayerRepair layer)
    {
        var weights = (layer.Metric.Tokens / layer.Metric.Tokens.Sum().Item()).To(DType.Float64).Reshape(1, -1, 1);
        var total = Tensor.Zeros(inputs[0].Select(0, 0).Shape, DType.Float64, inputs[0].Device);
        Tensor[] tokens = new Tensor[inputs.Count], lacks = new Tensor[inputs.Count];
        for (var k = 0; k < tokens.Length; k++)
        {
            layer.Cancellation.ThrowIfCancellationRequested();
            using var batch = new TensorScope();
            var lack = (wanted[k] - step(inputs[k])).To(DType.Float64);
            total.AddInPlace(lack.Sum([0]));
            tokens[k] = batch.Keep(inputs[k].To(DType.Float64).Mean([1]));
            lacks[k] = batch.Keep((lack * weights).Sum([1]));
        }
        var (token, lacking) = (Tensor.Cat(tokens, 0).Sum([0], keepDim: true), Tensor.Cat(lacks, 0).Sum([0], keepDim: true));
        layer.Calibration.Group?.Sum(total, token, lacking);
        var images = layer.Calibration.Images;
        return new MixerMoments(total / images, token / images, lacking / images, tokens, lacks);
    }

    /// <summary>The regression of what an image lacks on its mean token, both centred.</summary>
    internal GramSums Regression(Calibration calibration)
    {
        var width = (int)MeanToken.Size(1);
        var one = Tensor.Ones([1], device: MeanToken.Device);
        var sums = new GramSums(width, width, calibration.Folds, MeanToken.Device);
        for (var k = 0; k < Tokens.Length; k++)
        {
            using var batch = new TensorScope();
            sums.Add((Tokens[k] - MeanToken).Reshape(-1, 1, width), (Lacks[k] - MeanWeighedLack).Reshape(-1, 1, width), one, calibration.FoldOf(k));
        }
        sums.Combine(calibration.Group);
        return sums;
    }
}
