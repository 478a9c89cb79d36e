using System.Collections.Immutable;

namespace Espalier.Models.Data;

/// <summary>A list of images in a fixed order, the same on every machine.</summary>
public sealed class ImageDataset
{
    private const string FashionMnistPrefix = "fashion-mnist:";

    /// <param name="name">What messages and reports call the set.</param>
    /// <param name="items">The images, with different ids.</param>
    /// <param name="classNames">Names in label order when the form of the data gives them; else empty.</param>
    /// <param name="classCount">Classes in all; by default the names' count, else the largest label + 1.</param>
    public ImageDataset(
        string name, ImmutableArray<ImageItem> items, ImmutableArray<string> classNames = default, int? classCount = null)
    {
        Name = name;
        Items = items;
        ClassNames = classNames.IsDefault ? [] : classNames;
        HasLabels = items.Length > 0 && items.All(item => item.Label is not null);
        ClassCount = classCount ?? (ClassNames.Length > 0 ? ClassNames.Length
            : HasLabels ? items.Max(item => item.Label!.Value) + 1 : 0);
    }

    public string Name { get; }

    public ImmutableArray<ImageItem> Items { get; }

    public int Count => Items.Length;

    /// <summary>The images that lie in files of their own: what must stay while the set is in use.</summary>
    public IEnumerable<string> Files => Items.OfType<ImageFileItem>().Select(item => item.Path);

    /// <summary>Whether every item has a label.</summary>
    public bool HasLabels { get; }

    /// <summary>Classes, counted from label 0; 0 without labels.</summary>
    public int ClassCount { get; }

    /// <summary>Subfolder or archive class names in label order; empty when the data do not name their classes.</summary>
    public ImmutableArray<string> ClassNames { get; }

    /// <summary>
    /// Opens <c>DATA</c>: <c>fashion-mnist:train|test</c>, or a folder. A folder with <c>labels.txt</c> holds exactly what that
    /// file lists, in its order. A folder with no image of its own and images in each of two or more subfolders is a class tree:
    /// labels follow the ordinal order of the subfolders' names. Any other folder is unlabelled. Files are found at any depth and
    /// sorted ordinally by relative path. Names that begin with a dot are left out.
    /// </summary>
    /// <exception cref="InputException">Nothing there, no images, a faulty list, or no labels though they are
    /// required.</exception>
    public static ImageDataset Open(string data, LabelPolicy labels = LabelPolicy.IfPresent)
    {
        if (data.StartsWith(FashionMnistPrefix, StringComparison.Ordinal))
            return FashionMnist.Open(data[FashionMnistPrefix.Length..]);
        if (File.Exists(data))
            throw new InputException($"{data} is a file; image data are given as a folder, or as fashion-mnist:train or :test.");
        if (!Directory.Exists(data)) throw new InputException($"{data}: there is no such folder.");

        var dataset = ImageFolder.Open(data, labels);
        if (dataset.Count == 0) throw new InputException($"{data}: no images there (jpg, jpeg, png, webp, bmp, at any depth).");
        if (labels == LabelPolicy.Required) dataset.RequireLabels();
        return dataset;
    }

    /// <summary>This set, once it is sure that every image has a label.</summary>
    /// <exception cref="InputException">It has none; the message lists the forms that do.</exception>
    public ImageDataset RequireLabels() => HasLabels ? this : throw new InputException(
        $"{Name}: the images have no labels. Give a folder with labels.txt (lines of \"path label\"), a folder with one subfolder of "
        + "images for each class and none empty, or fashion-mnist:train or :test.");

    /// <summary>The items at <paramref name="indices"/>, in that order; classes keep their numbers.</summary>
    public ImageDataset Subset(IEnumerable<int> indices) =>
        new(Name, [.. indices.Select(i => Items[i])], ClassNames, ClassCount);

    /// <summary>These items and then the other's; their ids must differ.</summary>
    public ImageDataset Concat(ImageDataset other) => new(Name, [.. Items, .. other.Items], ClassNames, ClassCount);

    /// <summary>The first <paramref name="count"/> items, or all when there are fewer.</summary>
    public ImageDataset Take(int count) => new(Name, [.. Items.Take(count)], ClassNames, ClassCount);
}
