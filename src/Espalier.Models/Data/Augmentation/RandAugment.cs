using System.Collections.Immutable;

namespace Espalier.Models.Data;

/// <summary>
/// RandAugment as timm's <c>rand-m9-mstd0.5-inc1</c>: <see cref="Layers"/> operations drawn uniformly with replacement, each
/// applied with <see cref="Probability"/> at a magnitude drawn from N(<see cref="Magnitude"/>, <see cref="MagnitudeStd"/>) and
/// clipped to [0, 10].
/// </summary>
public sealed record RandAugment
{
    private const double MaxMagnitude = 10;
    private static readonly int OpCount = Enum.GetValues<RandAugmentOp>().Length;

    /// <summary>Operations an image.</summary>
    public int Layers { get; init; } = 2;

    /// <summary>Mean strength, 0–10.</summary>
    public double Magnitude { get; init; } = 9;

    public double MagnitudeStd { get; init; } = 0.5;

    /// <summary>That a drawn operation is carried out.</summary>
    public double Probability { get; init; } = 0.5;

    /// <summary>Filter of the geometric operations.</summary>
    public Interpolation Interpolation { get; init; } = Interpolation.Bicubic;

    /// <summary>Colour of what geometric operations uncover, one sample a channel.</summary>
    public ImmutableArray<byte> Fill { get; init; } = [124, 116, 104];

    /// <summary>The fill timm uses: the data's mean, round(255 · mean).</summary>
    public static ImmutableArray<byte> FillOf(IEnumerable<double> mean) =>
        [.. mean.Select(m => (byte)Math.Clamp(Math.Round(255 * m, MidpointRounding.ToEven), 0, 255))];

    /// <summary>Augments in place.</summary>
    public void Apply(Canvas canvas, SeededRandom random)
    {
        for (var layer = 0; layer < Layers; layer++)
        {
            var op = (RandAugmentOp)random.NextInt(OpCount);
            if (!random.NextBool(Probability)) continue;
            var magnitude = Math.Clamp(Magnitude + MagnitudeStd * random.NextGaussian(), 0, MaxMagnitude);
            Apply(canvas, op, Argument(op, magnitude / MaxMagnitude, random.NextBool()));
        }
    }

    /// <summary>
    /// An operation's argument at strength <paramref name="v"/> in [0, 1]; <paramref name="negate"/> turns it where it has a
    /// direction. Rotate in degrees, shears and translations as fractions, enhancements as factors, posterize in bits kept,
    /// solarize as threshold.
    /// </summary>
    public static double Argument(RandAugmentOp op, double v, bool negate)
    {
        var sign = negate ? -1 : 1;
        return op switch
        {
            RandAugmentOp.Rotate => sign * v * 30,
            RandAugmentOp.ShearX or RandAugmentOp.ShearY => sign * v * 0.3,
            RandAugmentOp.TranslateX or RandAugmentOp.TranslateY => sign * v * 0.45,
            RandAugmentOp.Color or RandAugmentOp.Contrast or RandAugmentOp.Brightness or RandAugmentOp.Sharpness =>
                Math.Max(0.1, 1 + sign * v * 0.9),
            RandAugmentOp.Posterize => 4 - (int)(v * 4),
            RandAugmentOp.Solarize => 256 - Math.Min(256, (int)(v * 256)),
            RandAugmentOp.SolarizeAdd => Math.Min(128, (int)(v * 110)),
            _ => 0,
        };
    }

    /// <summary>Carries out one operation with the given <see cref="Argument"/>.</summary>
    public void Apply(Canvas canvas, RandAugmentOp op, double argument)
    {
        switch (op)
        {
            case RandAugmentOp.AutoContrast: PointOps.AutoContrast(canvas); break;
            case RandAugmentOp.Equalize: PointOps.Equalize(canvas); break;
            case RandAugmentOp.Invert: PointOps.Invert(canvas); break;
            case RandAugmentOp.Posterize: PointOps.Posterize(canvas, (int)argument); break;
            case RandAugmentOp.Solarize: PointOps.Solarize(canvas, (int)argument); break;
            case RandAugmentOp.SolarizeAdd: PointOps.SolarizeAdd(canvas, (int)argument); break;
            case RandAugmentOp.Color: EnhanceOps.Color(canvas, argument); break;
            case RandAugmentOp.Contrast: EnhanceOps.Contrast(canvas, argument); break;
            case RandAugmentOp.Brightness: EnhanceOps.Brightness(canvas, argument); break;
            case RandAugmentOp.Sharpness: EnhanceOps.Sharpness(canvas, argument); break;
            case RandAugmentOp.Rotate: Warp(canvas, AffineMatrix.Rotate(argument, canvas.Width, canvas.Height)); break;
            case RandAugmentOp.ShearX: Warp(canvas, AffineMatrix.ShearX(argument)); break;
            case RandAugmentOp.ShearY: Warp(canvas, AffineMatrix.ShearY(argument)); break;
            case RandAugmentOp.TranslateX: Warp(canvas, AffineMatrix.Translate(argument * canvas.Width, 0)); break;
            case RandAugmentOp.TranslateY: Warp(canvas, AffineMatrix.Translate(0, argument * canvas.Height)); break;
            default: throw new ArgumentOutOfRangeException(nameof(op), op, "not an operation of RandAugment");
        }
    }

    private void Warp(Canvas canvas, AffineMatrix matrix) => AffineOps.Apply(canvas, matrix, Interpolation, Fill.AsSpan());
}
