namespace Espalier.Models.Data;

/// <summary>
/// Where each pixel of the result comes from: source x = A·x + B·y + C and source y = D·x + E·y + F, at pixel centres (x + ½, y +
/// ½).
/// </summary>
public readonly record struct AffineMatrix(double A, double B, double C, double D, double E, double F)
{
    /// <summary>Rows are shifted by <paramref name="factor"/> times their height.</summary>
    public static AffineMatrix ShearX(double factor) => new(1, factor, 0, 0, 1, 0);

    /// <summary>Columns are shifted by <paramref name="factor"/> times their position.</summary>
    public static AffineMatrix ShearY(double factor) => new(1, 0, 0, factor, 1, 0);

    /// <summary>The result's pixel (x, y) is the source's (x + dx, y + dy).</summary>
    public static AffineMatrix Translate(double dx, double dy) => new(1, 0, dx, 0, 1, dy);

    /// <summary>
    /// Counter-clockwise by <paramref name="degrees"/> about the centre, as Pillow's <c>Image.rotate</c> without expansion.
    /// </summary>
    public static AffineMatrix Rotate(double degrees, int width, int height)
    {
        var angle = -(degrees - Math.Floor(degrees / 360) * 360) * (Math.PI / 180);
        double cos = Math.Round(Math.Cos(angle), 15), sin = Math.Round(Math.Sin(angle), 15);
        double x = width / 2.0, y = height / 2.0;
        return new(cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y);
    }
}
