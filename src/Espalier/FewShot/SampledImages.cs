using System.Security.Cryptography;
using System.Text;
using Espalier.MetricSets;
using Espalier.Models;
using Espalier.Models.Data;

namespace Espalier.FewShot;

/// <summary>The few-shot training set D_T, and images of the same source that were not drawn, for checks.</summary>
/// <param name="Train">The drawn images, mixed by the seed, so that any first few of them stand for all; their labels are not used.</param>
/// <param name="HeldOut">Up to a hundred images that were not drawn; may be empty.</param>
/// <param name="List">The drawn ids as <c>samples.txt</c> holds them.</param>
public sealed record SampledImages(ImageDataset Train, ImageDataset HeldOut, string List)
{
    private const int HeldOutImages = 100;

    /// <summary>SHA-256 of the list, in lower-case hexadecimal.</summary>
    public string ListHash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(List)));

    /// <summary>Uses the synthetic images themselves for training; nothing is left to hold out.</summary>
    internal static SampledImages Synthetic(MetricSetFile set, Preprocessing preprocessing)
    {
        var train = new ImageDataset("synthetic images", [.. set.ToImages(preprocessing).Select((image, i) => new ImageMemoryItem($"synthetic-{i:D3}", null, image))]);
        return new SampledImages(train, train.Take(0), SampleList.Format(train, Enumerable.Range(0, train.Count)));
    }

    /// <summary>Takes the images of an explicit list.</summary>
    public static SampledImages Of(ImageDataset source, int[] drawn, ulong seed)
    {
        // A balanced draw lists class after class, a folder often does.
        var mixed = drawn.ToArray();
        new SeededRandom(seed, "order of the few-shot set").Shuffle(mixed.AsSpan());
        var rest = Enumerable.Range(0, source.Count).Except(drawn).ToArray();
        new SeededRandom(seed, "held-out images").Shuffle(rest.AsSpan());
        return new SampledImages(source.Subset(mixed), source.Subset(rest.Take(HeldOutImages)), SampleList.Format(source, drawn));
    }
}
