using Espalier.Models;
using Espalier.Models.Data;

namespace Espalier.Supervised;

/// <summary>Training images that are kept aside to measure on.</summary>
internal static class HeldOut
{
    /// <summary>Makes sure that images are left to train on.</summary>
    /// <exception cref="UsageException">Nothing would be.</exception>
    internal static void Check(ImageDataset data, int count)
    {
        if (count > 0 && count >= data.Count) throw new UsageException($"{count} images kept aside leave none of the {data.Count} to train on.")
            { Settings = ["HoldOut"] };
    }

    /// <summary>Both parts of a set. The held-out images are drawn by the seed, so that recipes of one seed are compared on the same ones.</summary>
    /// <exception cref="UsageException">Nothing would be left to train on.</exception>
    internal static (ImageDataset Train, ImageDataset? Aside) Split(ImageDataset data, int count, ulong seed)
    {
        if (count == 0) return (data, null);
        Check(data, count);
        var order = new SeededRandom(seed, "hold-out").Permutation(data.Count);
        return (data.Subset(order[count..].Order()), data.Subset(order[..count].Order()));
    }
}
