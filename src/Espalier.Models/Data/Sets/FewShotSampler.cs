namespace Espalier.Models.Data;

/// <summary>
/// Draws the few-shot training set (DC-ViT, "Dense Vision Transformer Compression with Few Samples"; the rule of its published
/// code). Classes that have no image in the set do not count.
/// </summary>
public static class FewShotSampler
{
    /// <summary>
    /// Indices of <paramref name="n"/> different images, a function of the set's ids, labels and <paramref name="seed"/> only.
    /// Labelled, n below the number of classes: again and again a uniform class, with replacement, and a uniform image of it,
    /// anew when it was taken. Labelled, more: ⌊n / classes⌋ images of every class, in class order and sorted inside; what is
    /// then missing (a remainder, a class with too few) is drawn uniformly from the rest. Unlabelled: uniform without
    /// replacement. When the set has no more than n images the result is all of them, in order: compare its length with n.
    /// </summary>
    /// <exception cref="InputException">n is below 1.</exception>
    public static int[] Sample(ImageDataset dataset, int n, ulong seed)
    {
        if (n < 1) throw new InputException($"{n} images were asked for; at least 1 is needed.");
        if (n >= dataset.Count) return [.. Enumerable.Range(0, dataset.Count)];
        var random = new SeededRandom(seed, "few-shot set");
        if (!dataset.HasLabels) return random.Choose(dataset.Count, n);

        int[][] classes = [.. Enumerable.Range(0, dataset.Count)
            .GroupBy(i => dataset.Items[i].Label!.Value).OrderBy(g => g.Key).Select(g => g.ToArray())];
        return n < classes.Length ? BelowClassCount(classes, n, random) : Balanced(classes, dataset.Count, n, random);
    }

    private static int[] BelowClassCount(int[][] classes, int n, SeededRandom random)
    {
        var taken = new HashSet<int>();
        var result = new List<int>(n);
        while (result.Count < n)
        {
            var images = classes[random.NextInt(classes.Length)];
            var image = images[random.NextInt(images.Length)];
            if (taken.Add(image)) result.Add(image);
        }
        return [.. result];
    }

    private static int[] Balanced(int[][] classes, int total, int n, SeededRandom random)
    {
        var each = n / classes.Length;
        var result = new List<int>(n);
        foreach (var images in classes)
        {
            var chosen = random.Choose(images.Length, Math.Min(each, images.Length));
            Array.Sort(chosen);
            foreach (var i in chosen) result.Add(images[i]);
        }
        var taken = result.ToHashSet();
        int[] rest = [.. Enumerable.Range(0, total).Where(i => !taken.Contains(i))];
        foreach (var i in random.Choose(rest.Length, n - result.Count)) result.Add(rest[i]);
        return [.. result];
    }
}
