namespace Espalier.Models.Data;

/// <summary>A rectangle of whole pixels: left column, top row, size.</summary>
public readonly record struct PixelBox(int X, int Y, int Width, int Height)
{
    /// <summary>All of an image.</summary>
    public static PixelBox Whole(ImageBuffer image) => new(0, 0, image.Width, image.Height);

    /// <summary>Whether it has an area and lies within an image of the given size.</summary>
    public bool IsInside(int width, int height) =>
        X >= 0 && Y >= 0 && Width > 0 && Height > 0 && X <= width - Width && Y <= height - Height;
}
