using Espalier.Models.Formats;

namespace Espalier.Cli.Commands;

/// <summary>Opens the MODEL of a command whose result means nothing with random weights.</summary>
internal static class WeightedModel
{
    /// <exception cref="UsageException">It is only the name of an architecture, or the image size does not suit it.</exception>
    /// <exception cref="InputException">There is no such model, or it is damaged.</exception>
    public static ModelSource Open(string model, CommandContext context, int? imageSize = null)
    {
        var source = ModelSource.Open(model);
        return !source.IsRandom ? source.At(imageSize) : throw new UsageException(
            $"{model} is an architecture's name, which comes with random weights; {context.Command} needs a model folder or a weights file.");
    }

    /// <summary>The model at another image size, when one is given.</summary>
    public static ModelSource At(this ModelSource source, int? imageSize) => imageSize is { } size ? source.AtImageSize(size) : source;
}
