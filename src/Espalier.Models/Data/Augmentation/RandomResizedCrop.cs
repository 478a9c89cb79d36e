namespace Espalier.Models.Data;

/// <summary>
/// The crop of Inception training: an area fraction uniform in a range, an aspect ratio log-uniform in a range, ten tries, else
/// the largest centre crop whose aspect is within the limits (torchvision and timm).
/// </summary>
public sealed record RandomResizedCrop
{
    private const int Tries = 10;

    /// <summary>Smallest fraction of the image's area, over 0.</summary>
    public double MinScale { get; init; } = 0.08;

    /// <summary>Largest fraction of the image's area, at most 1.</summary>
    public double MaxScale { get; init; } = 1;

    /// <summary>Smallest width / height.</summary>
    public double MinRatio { get; init; } = 3.0 / 4.0;

    /// <summary>Largest width / height.</summary>
    public double MaxRatio { get; init; } = 4.0 / 3.0;

    /// <exception cref="InputException">A range is empty or not positive.</exception>
    public void Validate()
    {
        if (!(MinScale > 0 && MinScale <= MaxScale && MaxScale <= 1))
            throw new InputException($"Random crops of {MinScale} to {MaxScale} of the area: the range must lie in (0, 1].");
        if (!(MinRatio > 0 && MinRatio <= MaxRatio && double.IsFinite(MaxRatio)))
            throw new InputException($"Random crops with aspect ratios of {MinRatio} to {MaxRatio}: the range must be positive.");
    }

    /// <summary>Draws a crop of an image of the given size in pixels.</summary>
    public PixelBox Draw(int imageWidth, int imageHeight, SeededRandom random)
    {
        var area = (double)imageWidth * imageHeight;
        for (var i = 0; i < Tries; i++)
        {
            var target = random.NextDouble(MinScale, MaxScale) * area;
            var ratio = Math.Exp(random.NextDouble(Math.Log(MinRatio), Math.Log(MaxRatio)));
            int w = Round(Math.Sqrt(target * ratio)), h = Round(Math.Sqrt(target / ratio));
            if (w >= 1 && h >= 1 && w <= imageWidth && h <= imageHeight)
                return new(random.NextInt(0, imageWidth - w), random.NextInt(0, imageHeight - h), w, h);
        }

        int width = imageWidth, height = imageHeight;
        var aspect = (double)imageWidth / imageHeight;
        if (aspect < MinRatio) height = Math.Clamp(Round(width / MinRatio), 1, imageHeight);
        else if (aspect > MaxRatio) width = Math.Clamp(Round(height * MaxRatio), 1, imageWidth);
        return new((imageWidth - width) / 2, (imageHeight - height) / 2, width, height);
    }

    private static int Round(double value) => (int)Math.Round(value, MidpointRounding.ToEven);
}
