namespace Espalier.Models.Data;

/// <summary>Operations that map each sample by a table, equal to Pillow's <c>ImageOps</c>.</summary>
public static class PointOps
{
    /// <summary>Stretches each channel so that its darkest sample becomes 0 and its lightest 255.</summary>
    public static void AutoContrast(Canvas canvas)
    {
        Span<int> histogram = stackalloc int[256];
        Span<byte> table = stackalloc byte[256];
        for (var c = 0; c < canvas.Channels; c++)
        {
            Histogram(canvas, c, histogram);
            int low = 0, high = 255;
            while (low < 255 && histogram[low] == 0) low++;
            while (high > 0 && histogram[high] == 0) high--;
            if (high <= low) continue;
            var scale = 255.0 / (high - low);
            var offset = -low * scale;
            for (var i = 0; i < 256; i++) table[i] = (byte)Math.Clamp((int)(i * scale + offset), 0, 255);
            Map(canvas, c, table);
        }
    }

    /// <summary>Makes each channel's histogram as flat as it can be.</summary>
    public static void Equalize(Canvas canvas)
    {
        Span<int> histogram = stackalloc int[256];
        Span<byte> table = stackalloc byte[256];
        for (var c = 0; c < canvas.Channels; c++)
        {
            Histogram(canvas, c, histogram);
            int total = 0, last = 0;
            foreach (var count in histogram)
            {
                total += count;
                if (count > 0) last = count;
            }
            var step = (total - last) / 255;
            if (step == 0) continue;
            var sum = step / 2;
            for (var i = 0; i < 256; i++)
            {
                table[i] = (byte)Math.Min(255, sum / step);
                sum += histogram[i];
            }
            Map(canvas, c, table);
        }
    }

    public static void Invert(Canvas canvas)
    {
        foreach (ref var v in canvas.Pixels) v = (byte)~v;
    }

    /// <summary>Keeps the <paramref name="bits"/> highest bits of each sample, 0–8; 0 gives black.</summary>
    public static void Posterize(Canvas canvas, int bits)
    {
        var mask = (byte)~((1 << (8 - bits)) - 1);
        foreach (ref var v in canvas.Pixels) v &= mask;
    }

    /// <summary>Inverts the samples from <paramref name="threshold"/> up, 0–256.</summary>
    public static void Solarize(Canvas canvas, int threshold)
    {
        foreach (ref var v in canvas.Pixels) v = v < threshold ? v : (byte)~v;
    }

    /// <summary>Adds <paramref name="add"/> to the samples below 128, up to 255.</summary>
    public static void SolarizeAdd(Canvas canvas, int add)
    {
        foreach (ref var v in canvas.Pixels) v = v < 128 ? (byte)Math.Min(255, v + add) : v;
    }

    internal static void Map(Span<byte> samples, ReadOnlySpan<byte> table)
    {
        foreach (ref var v in samples) v = table[v];
    }

    private static void Histogram(Canvas canvas, int channel, Span<int> histogram)
    {
        histogram.Clear();
        var pixels = canvas.Pixels;
        for (var i = channel; i < pixels.Length; i += canvas.Channels) histogram[pixels[i]]++;
    }

    private static void Map(Canvas canvas, int channel, ReadOnlySpan<byte> table)
    {
        var pixels = canvas.Pixels;
        for (var i = channel; i < pixels.Length; i += canvas.Channels) pixels[i] = table[pixels[i]];
    }
}
