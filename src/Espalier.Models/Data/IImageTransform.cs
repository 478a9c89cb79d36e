namespace Espalier.Models.Data;

/// <summary>
/// From a decoded image to the network's input. Implementations are immutable and may be used from many threads.
/// </summary>
public interface IImageTransform
{
    /// <summary>Channels of the result, 1 or 3; images with another count are converted.</summary>
    int Channels { get; }

    /// <summary>Height and width of the result in pixels.</summary>
    int Size { get; }

    /// <summary>
    /// Writes Channels × Size × Size normalised floats. Every random choice comes from <paramref name="random"/>, so that equal
    /// streams give equal results.
    /// </summary>
    void Apply(ImageBuffer image, SeededRandom random, Span<float> destination);
}
