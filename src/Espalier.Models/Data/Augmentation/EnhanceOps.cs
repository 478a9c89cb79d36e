namespace Espalier.Models.Data;

/// <summary>
/// Blends between an image and a poorer version of itself, equal to Pillow's <c>ImageEnhance</c>: factor 0 gives the poorer one,
/// 1 the image, more exaggerates the difference.
/// </summary>
public static class EnhanceOps
{
    /// <summary>Against the image in grey; a grey image stays as it is.</summary>
    public static void Color(Canvas canvas, double factor)
    {
        if (canvas.Channels == 1) return;
        var pixels = canvas.Pixels;
        var alpha = (float)factor;
        for (var p = 0; p < pixels.Length; p += 3)
        {
            var grey = ImageBuffer.Luma(pixels[p], pixels[p + 1], pixels[p + 2]);
            for (var c = 0; c < 3; c++) pixels[p + c] = Blend(grey, pixels[p + c], alpha);
        }
    }

    /// <summary>Against the mean brightness.</summary>
    public static void Contrast(Canvas canvas, double factor)
    {
        var pixels = canvas.Pixels;
        long sum = 0;
        if (canvas.Channels == 1)
            foreach (var v in pixels) sum += v;
        else
            for (var p = 0; p < pixels.Length; p += 3) sum += ImageBuffer.Luma(pixels[p], pixels[p + 1], pixels[p + 2]);
        BlendWith((byte)((double)sum / (canvas.Width * canvas.Height) + 0.5), pixels, factor);
    }

    /// <summary>Against black.</summary>
    public static void Brightness(Canvas canvas, double factor) => BlendWith(0, canvas.Pixels, factor);

    /// <summary>Against the image smoothed with the 3 × 3 kernel (1 1 1; 1 5 1; 1 1 1) / 13; the border is left alone.</summary>
    public static void Sharpness(Canvas canvas, double factor)
    {
        ReadOnlySpan<byte> source = canvas.Pixels;
        var target = canvas.Spare;
        source.CopyTo(target);
        int step = canvas.Channels, stride = canvas.Width * step;
        var alpha = (float)factor;
        for (var y = 1; y < canvas.Height - 1; y++)
        {
            var row = source.Slice(y * stride, stride);
            ReadOnlySpan<byte> above = source.Slice((y - 1) * stride, stride), below = source.Slice((y + 1) * stride, stride);
            var result = target.Slice(y * stride, stride);

            // Sums of three above each other, of which the loop keeps the last few: each is needed three times.
            for (var c = 0; c < step; c++)
            {
                int left = Column(c, above, row, below), middle = stride > step ? Column(c + step, above, row, below) : 0;
                for (var x = c + step; x < stride - step; x += step)
                {
                    var right = Column(x + step, above, row, below);
                    var sum = left + middle + right + 4 * row[x];
                    result[x] = Blend((byte)((2 * sum + 13) / 26), row[x], alpha); // rounds sum / 13; ties cannot happen
                    (left, middle) = (middle, right);
                }
            }
        }
        canvas.Swap();
    }

    private static int Column(int x, ReadOnlySpan<byte> above, ReadOnlySpan<byte> row, ReadOnlySpan<byte> below) =>
        above[x] + row[x] + below[x];

    private static void BlendWith(byte constant, Span<byte> pixels, double factor)
    {
        Span<byte> table = stackalloc byte[256];
        for (var v = 0; v < 256; v++) table[v] = Blend(constant, (byte)v, (float)factor);
        PointOps.Map(pixels, table);
    }

    // In single precision and cut, not rounded: as in Pillow.
    private static byte Blend(byte from, byte to, float alpha) => (byte)Math.Clamp(from + alpha * (to - from), 0f, 255f);
}
