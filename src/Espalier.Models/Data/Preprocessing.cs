using System.Collections.Immutable;

namespace Espalier.Models.Data;

/// <summary>Resampling filter, named as in Pillow.</summary>
public enum Interpolation
{
    Bilinear,
    Bicubic,
}

/// <summary>
/// How an image becomes the network's input: shortest side to <see cref="Resize"/>, or both sides when it is squashed, centre crop, normalise.
/// </summary>
public sealed record Preprocessing
{
    /// <summary>Mean of ImageNet's pixels, by channel.</summary>
    public static ImmutableArray<double> ImageNetMean { get; } = [0.485, 0.456, 0.406];

    /// <summary>Standard deviation of ImageNet's pixels, by channel.</summary>
    public static ImmutableArray<double> ImageNetStd { get; } = [0.229, 0.224, 0.225];

    /// <summary>Side of the network's input in pixels.</summary>
    public required int Size { get; init; }

    /// <summary>timm's <c>crop_pct</c>: <see cref="Size"/> over the resized shortest side, in (0, 1].</summary>
    public double CropFraction { get; init; } = 0.9;

    /// <summary>Whether the image is made square by resizing both sides (timm's <c>crop_mode</c> squash, Hugging Face's ViT).</summary>
    public bool Squash { get; init; }

    public Interpolation Interpolation { get; init; } = Interpolation.Bicubic;

    /// <summary>Per channel, in [0,1] units; its length is the channel count (1 = grey, 3 = RGB).</summary>
    public required ImmutableArray<double> Mean { get; init; }

    /// <summary>Per channel, in [0,1] units.</summary>
    public required ImmutableArray<double> Std { get; init; }

    /// <summary>Length the shortest side, or both, is resized to: ⌊size / crop_pct⌋, as timm computes it.</summary>
    public int Resize => (int)Math.Floor(Size / CropFraction);

    /// <summary>Whether images are so small (64 pixels at most) that what they show fills them: a crop of a part shows something else.</summary>
    public bool ShowsSmallImages => Size <= 64;
}
