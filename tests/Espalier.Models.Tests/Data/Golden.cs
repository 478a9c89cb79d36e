using System.Globalization;
using System.Runtime.CompilerServices;
using Espalier.Models.Data;

namespace Espalier.Models.Tests.Data;

/// <summary>The fixture images beside the tests, and what Pillow makes of them (see eng/make_image_fixtures.py).</summary>
internal static class Golden
{
    private static readonly byte[] Pixels = File.ReadAllBytes(Fixture("golden.bin"));

    private static readonly Dictionary<string, (int Width, int Height, int Channels, int Offset)> Index = File.ReadLines(Fixture("golden.txt"))
        .Select(line => line.Split(' '))
        .ToDictionary(p => p[0], p => (Number(p[1]), Number(p[2]), Number(p[3]), Number(p[4])));

    public static IEnumerable<string> Names => Index.Keys;

    public static string Fixture(string name) => Path.Combine(Folder(), name);

    public static ImageBuffer Get(string name)
    {
        var (width, height, channels, offset) = Index[name];
        return new(width, height, channels, Pixels[offset..(offset + width * height * channels)]);
    }

    /// <summary>Same shape, and no sample further than <paramref name="tolerance"/> away.</summary>
    public static void ShouldMatch(this ImageBuffer actual, ImageBuffer expected, int tolerance = 0)
    {
        (actual.Width, actual.Height, actual.Channels).ShouldBe((expected.Width, expected.Height, expected.Channels));
        actual.Pixels.AsSpan().ShouldMatch(expected.Pixels, tolerance);
    }

    public static void ShouldMatch(this Span<byte> actual, ReadOnlySpan<byte> expected, int tolerance = 0)
    {
        actual.Length.ShouldBe(expected.Length);
        int worst = 0, at = -1, count = 0;
        for (var i = 0; i < actual.Length; i++)
        {
            var difference = Math.Abs(actual[i] - expected[i]);
            if (difference > 0) count++;
            if (difference > worst) (worst, at) = (difference, i);
        }
        if (worst > tolerance) throw new ShouldAssertException($"{count} samples differ, the worst, number {at}, by {worst}");
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static string Folder([CallerFilePath] string file = "") =>
        Directory.Exists(Path.Combine(Path.GetDirectoryName(file)!, "Fixtures"))
            ? Path.Combine(Path.GetDirectoryName(file)!, "Fixtures")
            : Path.Combine(Testing.SharedData.Root, "tests", "Espalier.Models.Tests", "Data", "Fixtures");
}
