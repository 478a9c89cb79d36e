namespace Espalier.Models.Data;

/// <summary>One image of a data set: a stable name, perhaps a class, and a way to get its pixels.</summary>
/// <param name="Id">The path relative to the data folder, with '/', or the index in an archive; unique in its set.</param>
/// <param name="Label">The class, from 0; null when it is not known.</param>
public abstract record ImageItem(string Id, int? Label)
{
    /// <summary>Decodes the image as <paramref name="channels"/> = 3 (RGB) or 1 (grey).</summary>
    /// <exception cref="InputException">The image cannot be read.</exception>
    public abstract ImageBuffer Load(int channels = 3);
}

/// <summary>An image in a file of its own.</summary>
public sealed record ImageFileItem(string Id, int? Label, string Path) : ImageItem(Id, Label)
{
    public override ImageBuffer Load(int channels = 3) => ImageReader.Read(Path, channels);
}

/// <summary>An image that is already in memory.</summary>
public sealed record ImageMemoryItem(string Id, int? Label, ImageBuffer Image) : ImageItem(Id, Label)
{
    public override ImageBuffer Load(int channels = 3) => Image.WithChannels(channels);
}
