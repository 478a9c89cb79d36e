using Espalier.Models;
using Espalier.Torch;

namespace Espalier.Training;

/// <summary>
/// Mixup and CutMix of a whole batch with its reverse, as timm's batch mode; each batch takes one of the two. Targets become
/// probabilities, smoothed first.
/// </summary>
public sealed record MixUp
{
    /// <summary>Beta(α, α) of mixup's weight, in [0, 1]; 0 switches it off.</summary>
    public double MixUpAlpha { get; init; }

    /// <summary>Beta(α, α) of CutMix's area, in [0, 1]; 0 switches it off.</summary>
    public double CutMixAlpha { get; init; }

    /// <summary>Share of batches that are mixed at all.</summary>
    public double Probability { get; init; } = 1;

    public double LabelSmoothing { get; init; }

    /// <summary>Mixes a batch: pixels [B, C, S, S] and class probabilities [B, classes].</summary>
    public (Tensor Pixels, Tensor Targets) Apply(TensorBatch batch, int classes, ulong seed, long step)
    {
        var targets = Smooth(batch.Labels!, classes);
        var (pixels, weight) = Mix(batch.Pixels, seed, step);
        return (pixels, weight == 1 ? targets : targets * weight + targets.Flip(0) * (1 - weight));
    }

    /// <summary>Mixes pixels [B, C, S, S] with those of the batch in reverse; the weight is the share of each image's own.</summary>
    public (Tensor Pixels, double Weight) Mix(Tensor pixels, ulong seed, long step)
    {
        var random = new SeededRandom(seed, "mix", step);
        var on = (MixUpAlpha > 0 || CutMixAlpha > 0) && random.NextDouble() < Probability;
        if (!on) return (pixels, 1);
        var cut = CutMixAlpha > 0 && (MixUpAlpha <= 0 || random.NextBool());
        var weight = Beta(random, cut ? CutMixAlpha : MixUpAlpha);
        var reversed = pixels.Flip(0);
        var mixed = cut ? CutMix(pixels, reversed, random, ref weight) : pixels * weight + reversed * (1 - weight);
        return (mixed, weight);
    }

    private Tensor Smooth(Tensor labels, int classes)
    {
        var off = LabelSmoothing / classes;
        var oneHot = labels.Reshape(-1, 1).EqualTo(Tensor.Arange(classes, labels.Device)).To(DType.Float32);
        return oneHot * (1 - LabelSmoothing) + off;
    }

    // The pasted box is clipped at the border, so the weight follows the area that is really there.
    private static Tensor CutMix(Tensor pixels, Tensor other, SeededRandom random, ref double weight)
    {
        var side = (int)pixels.Size(-1);
        var half = (int)(side * Math.Sqrt(1 - weight)) / 2;
        var (x, y) = (random.NextInt(side), random.NextInt(side));
        var (x0, x1) = (Math.Max(x - half, 0), Math.Min(x + half, side));
        var (y0, y1) = (Math.Max(y - half, 0), Math.Min(y + half, side));
        var mixed = pixels.Clone();
        if (x1 > x0 && y1 > y0)
            mixed.Narrow(2, y0, y1 - y0).Narrow(3, x0, x1 - x0).CopyFrom(other.Narrow(2, y0, y1 - y0).Narrow(3, x0, x1 - x0));
        weight = 1 - (double)(x1 - x0) * (y1 - y0) / (side * side);
        return mixed;
    }

    // Jöhnk's method, efficient for parameters up to 1.
    private static double Beta(SeededRandom random, double alpha)
    {
        while (true)
        {
            var (u, v) = (Math.Pow(random.NextDouble(), 1 / alpha), Math.Pow(random.NextDouble(), 1 / alpha));
            if (u + v is > 0 and <= 1) return u / (u + v);
        }
    }
}
