using System.Collections.Immutable;
using System.Globalization;

namespace Espalier.Cli.Options;

/// <summary>Block indices as typed: <c>2,4,1</c>, <c>1..10</c>, or both mixed.</summary>
internal static class BlockList
{
    private const int Most = 10_000;

    public static ImmutableArray<int> Parse(string option, string text)
    {
        var blocks = ImmutableArray.CreateBuilder<int>();
        foreach (var part in text.Split(','))
        {
            var ends = part.Split("..");
            if (ends.Length > 2 || !Index(ends[0], out var first) || !Index(ends[^1], out var last) || last < first)
                throw new UsageException($"{option} {text}: give block numbers such as 2,4,1 or 1..10.");
            for (var i = first; i <= last; i++) blocks.Add(i);
        }
        return blocks.Distinct().Count() == blocks.Count ? blocks.ToImmutable() : throw new UsageException($"{option} {text}: a block is named twice.");
    }

    private static bool Index(string text, out int index) =>
        int.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out index) && index < Most;
}
