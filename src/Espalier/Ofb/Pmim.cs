using Espalier.Models;
using Espalier.Torch;

namespace Espalier.Ofb;

/// <summary>
/// Progressive masked image modelling: some patches are replaced by one learned token, and a linear decoder predicts the pixels of the
/// input image there from the tokens of the last norm. Pixels of a patch are in the order channel, row, column, as PixelShuffle reads them.
/// </summary>
public static class Pmim
{
    /// <summary>
    /// Which patches are masked: 1 or 0, [B, patches, 1]; the same number in every image, drawn anew for every batch, by the places of the images in it.
    /// </summary>
    public static Tensor Choose(int[] images, int patches, int masked, ulong seed, long batch, string device)
    {
        var marks = new float[images.Length * patches];
        for (var i = 0; i < images.Length; i++)
            foreach (var patch in new SeededRandom(seed, "pmim", batch, images[i]).Choose(patches, masked)) marks[i * patches + patch] = 1;
        return Tensor.From<float>(marks, [images.Length, patches, 1], device);
    }

    /// <summary>Tokens with the masked patches replaced; the class token stays.</summary>
    /// <param name="tokens">[B, N, E], class token first, positions added.</param>
    /// <param name="mask">[B, N − 1, 1].</param>
    /// <param name="replacement">[E] or [1, N, E].</param>
    public static Tensor Replace(Tensor tokens, Tensor mask, Tensor replacement)
    {
        var cls = Tensor.Zeros([mask.Size(0), 1, 1], device: mask.Device);
        var isMasked = Tensor.Cat([cls, mask], 1).EqualTo(Tensor.Ones([1], device: mask.Device));
        return replacement.Where(isMasked, tokens);
    }

    /// <summary>The image, every pixel standardised by its neighbourhood in its channel (unbiased variance; at the border what lies inside).</summary>
    /// <param name="pixels">[B, C, S, S].</param>
    public static Tensor LocalTarget(Tensor pixels)
    {
        var window = Window((int)pixels.Size(-1));
        var (mean, squares) = (pixels.AvgPool2d(window, countPadding: false), (pixels * pixels).AvgPool2d(window, countPadding: false));
        var count = Tensor.Ones([1, 1, pixels.Size(2), pixels.Size(3)], pixels.DType, pixels.Device).AvgPool2d(window, countPadding: true) * (double)(window * window);
        var variance = (squares - mean * mean) * count / (count - 1.0).Clamp(1, 1e30);
        return (pixels - mean) / (variance.Clamp(0, 1e30) + 1e-6).Sqrt();
    }

    /// <summary>Side of the neighbourhood: the largest odd number up to a fifth of the image (47 of 224), at least 3.</summary>
    public static int Window(int side) => (Math.Max(3, (int)Math.Floor(0.21 * side)) - 1) | 1;

    /// <summary>Images [B, C, S, S] as patches [B, patches, C·P·P].</summary>
    public static Tensor Patches(Tensor pixels, int patch)
    {
        var (b, c, grid) = (pixels.Size(0), pixels.Size(1), pixels.Size(2) / patch);
        return pixels.Reshape(b, c, grid, patch, grid, patch).Permute(0, 2, 4, 1, 3, 5).Reshape(b, grid * grid, c * patch * patch);
    }

    /// <summary>Mean absolute error over the masked pixels.</summary>
    /// <param name="target">[B, patches, C·P·P].</param>
    /// <param name="prediction">The same shape.</param>
    /// <param name="mask">[B, patches, 1].</param>
    /// <param name="channels">C.</param>
    public static Tensor Loss(Tensor target, Tensor prediction, Tensor mask, int channels)
    {
        var pixels = mask.Sum() * (target.Size(2) / channels) + 1e-5;
        return ((target - prediction).Abs() * mask).Sum() / pixels / channels;
    }

    /// <summary>w of L_cls + w·L_rec: makes both terms equal in value; no gradient passes.</summary>
    public static Tensor Weight(Tensor classification, Tensor reconstruction, bool clamped)
    {
        var (a, b) = (classification.Detach(), reconstruction.Detach());
        return clamped ? (a / b.Clamp(1e-3, 1e30)).Clamp(0, 20) : a / b;
    }
}
