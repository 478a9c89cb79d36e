using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Espalier.Models.Data;

/// <summary>
/// Antialiased resize, bit for bit Pillow's <c>Image.resize</c> on 8-bit images: columns first, then rows, each rounded to 8
/// bits.
/// </summary>
public static class Resampler
{
    private const int Half = 1 << (FilterWeights.PrecisionBits - 1);

    /// <summary>
    /// Crops <paramref name="crop"/> (the whole image when null) and resizes it to <paramref name="width"/> ×
    /// <paramref name="height"/>. As when cropping first, pixels outside the crop have no influence.
    /// </summary>
    public static ImageBuffer Resize(ImageBuffer image, int width, int height, Interpolation filter, PixelBox? crop = null)
    {
        var pixels = GC.AllocateUninitializedArray<byte>(checked(width * height * image.Channels));
        Resize(image, crop ?? PixelBox.Whole(image), width, height, new(0, 0, width, height), filter, pixels);
        return new(width, height, image.Channels, pixels);
    }

    /// <summary>
    /// Crops, resizes to <paramref name="width"/> × <paramref name="height"/>, and writes only the part <paramref name="window"/>
    /// of the result (window height × window width × channels bytes) to <paramref name="destination"/>; the rest is never
    /// computed.
    /// </summary>
    /// <exception cref="ArgumentException">The crop or the window lies outside, or the destination is too small.</exception>
    /// <exception cref="InputException">The image is so long and narrow that it would have to grow beyond all bounds on the way.</exception>
    public static void Resize(
        ImageBuffer image, PixelBox crop, int width, int height, PixelBox window, Interpolation filter, Span<byte> destination)
    {
        if (!crop.IsInside(image.Width, image.Height)) throw new ArgumentException($"{crop} is outside the image", nameof(crop));
        if (!window.IsInside(width, height)) throw new ArgumentException($"{window} is outside the result", nameof(window));
        int channels = image.Channels, rowBytes = window.Width * channels;
        destination = destination[..(rowBytes * window.Height)];

        // Only the input rows that the window's rows need are resized horizontally.
        var rows = new FilterWeights(crop.Height, height, window.Y, window.Height, filter);
        var first = height == crop.Height ? window.Y : rows.Starts[0];
        var last = height == crop.Height ? window.Y + window.Height : rows.Starts[^1] + rows.Counts[^1];
        var bytes = (long)(last - first) * rowBytes;
        if (bytes > Array.MaxLength)
            throw new InputException($"An image of {image.Width}×{image.Height} pixels cannot be resized to {width}×{height}: halfway it would take {bytes:N0} bytes. Crop it first.");
        var scratch = ArrayPool<byte>.Shared.Rent((int)bytes);
        var middle = height == crop.Height ? destination : scratch.AsSpan(0, (int)bytes);
        Horizontal(image, crop with { Y = crop.Y + first, Height = last - first }, width, window, filter, middle);
        if (height != crop.Height) Vertical(middle, rowBytes, first, rows, destination);
        ArrayPool<byte>.Shared.Return(scratch);
    }

    private static void Horizontal(ImageBuffer image, PixelBox box, int width, PixelBox window,
        Interpolation filter, Span<byte> target)
    {
        int channels = image.Channels, rowBytes = window.Width * channels;
        var columns = width == box.Width ? null : new FilterWeights(box.Width, width, window.X, window.Width, filter);
        // So that reading 4 bytes at the last pixel stays inside.
        var padded = ArrayPool<byte>.Shared.Rent(box.Width * channels + 16);
        for (var y = 0; y < box.Height; y++)
        {
            var source = image.Pixels.AsSpan(((box.Y + y) * image.Width + box.X) * channels, box.Width * channels);
            var row = target.Slice(y * rowBytes, rowBytes);
            if (columns is null)
            {
                source.Slice(window.X * channels, rowBytes).CopyTo(row);
                continue;
            }
            source.CopyTo(padded);
            if (channels == 3) HorizontalRgb(padded, columns, row);
            else HorizontalGrey(padded, columns, row);
        }
        ArrayPool<byte>.Shared.Return(padded);
    }

    private static void HorizontalRgb(byte[] source, FilterWeights columns, Span<byte> target)
    {
        ref var pixels = ref MemoryMarshal.GetArrayDataReference(source);
        for (var x = 0; x < columns.Starts.Length; x++)
        {
            var weights = columns.Values.AsSpan(x * columns.Stride, columns.Counts[x]);
            ref var pixel = ref Unsafe.Add(ref pixels, columns.Starts[x] * 3);
            var sum = Vector128.Create(Half); // red, green, blue, and a lane that is thrown away
            for (var k = 0; k < weights.Length; k++)
            {
                var samples = Vector128.CreateScalar(Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref pixel, k * 3))).AsByte();
                sum += Widen(samples) * Vector128.Create(weights[k]);
            }
            sum = Clip(sum);
            target[x * 3 + 2] = (byte)sum[2];
            target[x * 3] = (byte)sum[0];
            target[x * 3 + 1] = (byte)sum[1];
        }
    }

    private static void HorizontalGrey(byte[] source, FilterWeights columns, Span<byte> target)
    {
        for (var x = 0; x < columns.Starts.Length; x++)
        {
            var weights = columns.Values.AsSpan(x * columns.Stride, columns.Counts[x]);
            var samples = source.AsSpan(columns.Starts[x], weights.Length);
            var sum = Half;
            for (var k = 0; k < weights.Length; k++) sum += samples[k] * weights[k];
            target[x] = Clip(sum);
        }
    }

    private static void Vertical(ReadOnlySpan<byte> source, int rowBytes, int firstRow, FilterWeights rows, Span<byte> target)
    {
        for (var y = 0; y < rows.Starts.Length; y++)
        {
            var weights = rows.Values.AsSpan(y * rows.Stride, rows.Counts[y]);
            var input = source.Slice((rows.Starts[y] - firstRow) * rowBytes, weights.Length * rowBytes);
            var output = target.Slice(y * rowBytes, rowBytes);
            ref var samples = ref MemoryMarshal.GetReference(input);
            var x = 0;
            for (; x <= rowBytes - 16; x += 16)
            {
                Vector128<int> a, b, c, d;
                a = b = c = d = Vector128.Create(Half);
                for (var k = 0; k < weights.Length; k++)
                {
                    var line = Vector128.LoadUnsafe(ref samples, (nuint)(k * rowBytes + x));
                    var weight = Vector128.Create(weights[k]);
                    var (low, high) = Vector128.Widen(line);
                    a += Vector128.WidenLower(low).AsInt32() * weight;
                    b += Vector128.WidenUpper(low).AsInt32() * weight;
                    c += Vector128.WidenLower(high).AsInt32() * weight;
                    d += Vector128.WidenUpper(high).AsInt32() * weight;
                }
                Vector128.Narrow(Vector128.Narrow(Clip(a), Clip(b)).AsUInt16(), Vector128.Narrow(Clip(c), Clip(d)).AsUInt16())
                    .CopyTo(output[x..]);
            }
            for (; x < rowBytes; x++)
            {
                var sum = Half;
                for (var k = 0; k < weights.Length; k++) sum += input[k * rowBytes + x] * weights[k];
                output[x] = Clip(sum);
            }
        }
    }

    private static Vector128<int> Widen(Vector128<byte> samples) =>
        Vector128.WidenLower(Vector128.WidenLower(samples)).AsInt32();

    private static Vector128<int> Clip(Vector128<int> sum) =>
        Vector128.Min(Vector128.Max(sum >> FilterWeights.PrecisionBits, Vector128<int>.Zero), Vector128.Create(255));

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> FilterWeights.PrecisionBits, 0, 255);
}
