namespace Espalier.Models.Data;

/// <summary>
/// What <see cref="TrainTransform"/> does to an image. The defaults are DC-ViT's training augmentation (timm's factory).
/// </summary>
public sealed record TrainTransformOptions
{
    public RandomResizedCrop Crop { get; init; } = new();

    /// <summary>Probability of a horizontal flip.</summary>
    public double Flip { get; init; } = 0.5;

    /// <summary>Null for none. Its fill is replaced by round(255 · mean).</summary>
    public RandAugment? RandAugment { get; init; } = new();

    /// <summary>Null for none.</summary>
    public RandomErasing? Erasing { get; init; }
}

/// <summary>
/// Training augmentation: random resized crop, horizontal flip, RandAugment, normalise, random erasing, in timm's order.
/// Sizes, filter, mean and deviation are those of the model's preprocessing.
/// </summary>
public sealed class TrainTransform : IImageTransform
{
    private readonly TrainTransformOptions options;
    private readonly RandAugment? randAugment;
    private readonly Interpolation filter;
    private readonly Normalization normalization;

    /// <exception cref="InputException">The preprocessing or a range of the options cannot be used.</exception>
    public TrainTransform(Preprocessing preprocessing, TrainTransformOptions? options = null)
    {
        if (preprocessing.Size <= 0) throw new InputException($"Preprocessing has an input size of {preprocessing.Size}.");
        this.options = options ?? new();
        this.options.Crop.Validate();
        Size = preprocessing.Size;
        filter = preprocessing.Interpolation;
        normalization = new(preprocessing.Mean, preprocessing.Std);
        if (this.options.RandAugment is { } given) randAugment = given with { Fill = RandAugment.FillOf(preprocessing.Mean) };
    }

    public int Channels => normalization.Channels;

    public int Size { get; }

    public void Apply(ImageBuffer image, SeededRandom random, Span<float> destination)
    {
        image = image.WithChannels(Channels);
        destination = destination[..(Channels * Size * Size)];
        using var canvas = new Canvas(Size, Size, Channels);
        var crop = options.Crop.Draw(image.Width, image.Height, random);
        Resampler.Resize(image, crop, Size, Size, new(0, 0, Size, Size), filter, canvas.Pixels);
        if (random.NextBool(options.Flip)) canvas.FlipHorizontally();
        randAugment?.Apply(canvas, random);
        normalization.Apply(canvas.Pixels, destination);
        options.Erasing?.Apply(destination, Channels, Size, Size, random);
    }
}
