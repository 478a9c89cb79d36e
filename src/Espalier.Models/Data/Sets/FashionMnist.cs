using System.Collections.Immutable;
using System.Globalization;

namespace Espalier.Models.Data;

/// <summary>
/// Fashion-MNIST (Xiao et al. 2017, MIT licence) as Debian's package <c>dataset-fashion-mnist</c> installs it: 60,000 training
/// and 10,000 test images of 28 × 28 grey pixels in ten classes.
/// </summary>
public static class FashionMnist
{
    /// <summary>Where the Debian package puts its files.</summary>
    public const string DefaultFolder = "/usr/share/datasets/fashion-mnist";

    /// <summary>Class names in label order.</summary>
    public static ImmutableArray<string> ClassNames { get; } =
        ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

    /// <summary>Reads all images of one part, <c>train</c> or <c>test</c>; their ids are their indices.</summary>
    /// <exception cref="InputException">No such part, or its files are missing or damaged.</exception>
    public static ImageDataset Open(string part, string folder = DefaultFolder)
    {
        var prefix = part switch
        {
            "train" => "train",
            "test" => "t10k",
            _ => throw new InputException($"fashion-mnist:{part}: the parts are fashion-mnist:train and fashion-mnist:test."),
        };
        if (!Directory.Exists(folder))
            throw new InputException($"{folder}: not found; install it with: apt-get install dataset-fashion-mnist");

        var (imageShape, pixels) = IdxFile.Read(Path.Combine(folder, $"{prefix}-images-idx3-ubyte"));
        var (labelShape, labels) = IdxFile.Read(Path.Combine(folder, $"{prefix}-labels-idx1-ubyte"));
        if (imageShape is not [var count, var height, var width] || labelShape is not [var labelCount] || count != labelCount)
            throw new InputException($"{folder}: the {part} images and labels do not belong together.");

        var items = ImmutableArray.CreateBuilder<ImageItem>(count);
        var size = width * height;
        for (var i = 0; i < count; i++)
        {
            if (labels[i] >= ClassNames.Length) throw new InputException($"{folder}: {part} image {i} has label {labels[i]}.");
            var image = new ImageBuffer(width, height, 1, pixels.AsSpan(i * size, size).ToArray());
            items.Add(new ImageMemoryItem(i.ToString(CultureInfo.InvariantCulture), labels[i], image));
        }
        return new($"fashion-mnist:{part}", items.MoveToImmutable(), ClassNames);
    }
}
