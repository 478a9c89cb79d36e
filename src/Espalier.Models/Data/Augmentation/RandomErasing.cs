namespace Espalier.Models.Data;

/// <summary>
/// Random erasing (Zhong et al. 2017) in timm's "pixel" mode: a rectangle of the normalised image becomes N(0, 1) noise.
/// </summary>
public sealed record RandomErasing
{
    private const int Tries = 10;

    /// <summary>That an image is touched at all.</summary>
    public double Probability { get; init; } = 0.25;

    /// <summary>Smallest part of the area.</summary>
    public double MinArea { get; init; } = 0.02;

    /// <summary>Largest part of the area.</summary>
    public double MaxArea { get; init; } = 1.0 / 3.0;

    /// <summary>Smallest height / width; its inverse is the largest.</summary>
    public double MinAspect { get; init; } = 0.3;

    /// <summary>Erases in place; <paramref name="image"/> is channels × height × width.</summary>
    public void Apply(Span<float> image, int channels, int height, int width, SeededRandom random)
    {
        if (!random.NextBool(Probability)) return;
        var limit = Math.Log(MinAspect);
        for (var i = 0; i < Tries; i++)
        {
            var area = random.NextDouble(MinArea, MaxArea) * height * width;
            var aspect = Math.Exp(random.NextDouble(limit, -limit));
            var h = (int)Math.Round(Math.Sqrt(area * aspect), MidpointRounding.ToEven);
            var w = (int)Math.Round(Math.Sqrt(area / aspect), MidpointRounding.ToEven);
            if (h >= height || w >= width) continue;

            int top = random.NextInt(0, height - h), left = random.NextInt(0, width - w);
            for (var c = 0; c < channels; c++)
                for (var y = top; y < top + h; y++)
                    foreach (ref var v in image.Slice((c * height + y) * width + left, w)) v = (float)random.NextGaussian();
            return;
        }
    }
}
