using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Espalier.Models.Data;

/// <summary>
/// Affine warps, equal to Pillow's <c>Image.transform(AFFINE)</c>: bilinear or bicubic (a = −1) in double precision, cut to 8
/// bits. Pixels whose source lies outside the image take the fill colour.
/// </summary>
public static class AffineOps
{
    /// <summary>Warps the canvas; <paramref name="fill"/> has one sample a channel.</summary>
    public static void Apply(Canvas canvas, in AffineMatrix matrix, Interpolation filter, ReadOnlySpan<byte> fill)
    {
        int width = canvas.Width, height = canvas.Height, channels = canvas.Channels;
        var sampler = new Sampler(canvas.PaddedPixels, width, height, channels);
        var target = canvas.Spare;
        for (int y = 0, p = 0; y < height; y++)
        {
            var yin = y + 0.5;
            for (var x = 0; x < width; x++, p += channels)
            {
                var xin = x + 0.5;
                var sx = matrix.A * xin + matrix.B * yin + matrix.C;
                var sy = matrix.D * xin + matrix.E * yin + matrix.F;
                var pixel = target.Slice(p, channels);
                if (sx < 0 || sx >= width || sy < 0 || sy >= height)
                {
                    fill.CopyTo(pixel);
                    continue;
                }
                var v = filter == Interpolation.Bicubic ? sampler.Bicubic(sx - 0.5, sy - 0.5)
                    : sampler.Bilinear(sx - 0.5, sy - 0.5);
                v = Vector256.Min(Vector256.Max(v, Vector256<double>.Zero), Vector256.Create(255.0));
                pixel[0] = (byte)v[0];
                if (channels == 1) continue;
                pixel[1] = (byte)v[1];
                pixel[2] = (byte)v[2];
            }
        }
        canvas.Swap();
    }

    /// <summary>Reads between pixels, the channels of one side by side in a vector.</summary>
    private readonly ref struct Sampler(ReadOnlySpan<byte> pixels, int width, int height, int channels)
    {
        private readonly ref byte pixels = ref MemoryMarshal.GetReference(pixels);

        public Vector256<double> Bilinear(double sx, double sy)
        {
            int x = (int)Math.Floor(sx), y = (int)Math.Floor(sy);
            Vector256<double> dx = Vector256.Create(sx - x), dy = Vector256.Create(sy - y);
            int x0 = Column(x), x1 = Column(x + 1);
            var upper = Mix(Load(Math.Max(y, 0), x0), Load(Math.Max(y, 0), x1), dx);
            return Mix(upper, y + 1 < height ? Mix(Load(y + 1, x0), Load(y + 1, x1), dx) : upper, dy);
        }

        public Vector256<double> Bicubic(double sx, double sy)
        {
            int x = (int)Math.Floor(sx) - 1, y = (int)Math.Floor(sy) - 1;
            Vector256<double> dx = Vector256.Create(sx - (x + 1)), dy = Vector256.Create(sy - (y + 1));
            int x0 = Column(x), x1 = Column(x + 1), x2 = Column(x + 2), x3 = Column(x + 3);

            // Rows outside repeat their neighbour: the first row clamps, each later one below the image repeats the
            // one before it.
            var v1 = CubicLine(Math.Max(y, 0), x0, x1, x2, x3, dx);
            var v2 = y + 1 >= 0 && y + 1 < height ? CubicLine(y + 1, x0, x1, x2, x3, dx) : v1;
            var v3 = y + 2 < height ? CubicLine(y + 2, x0, x1, x2, x3, dx) : v2;
            var v4 = y + 3 < height ? CubicLine(y + 3, x0, x1, x2, x3, dx) : v3;
            return Cubic(v1, v2, v3, v4, dy);
        }

        private int Column(int x) => Math.Clamp(x, 0, width - 1) * channels;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector256<double> CubicLine(int y, int x0, int x1, int x2, int x3, Vector256<double> dx) =>
            Cubic(Load(y, x0), Load(y, x1), Load(y, x2), Load(y, x3), dx);

        private static Vector256<double> Mix(Vector256<double> a, Vector256<double> b, Vector256<double> d) => a + (b - a) * d;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<double> Cubic(
            Vector256<double> v1, Vector256<double> v2, Vector256<double> v3, Vector256<double> v4, Vector256<double> d)
        {
            var p2 = v3 - v1;
            var p3 = (v1 - v2) * 2.0 + v3 - v4;
            var p4 = v2 - v1 - v3 + v4;
            return v2 + d * (p2 + d * (p3 + d * p4));
        }

        // Four bytes from a pixel's first one on; lanes beyond its channels hold its neighbour and are never looked at.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector256<double> Load(int y, int column)
        {
            var word = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref pixels, y * width * channels + column));
            var samples = Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalar(word).AsByte())).AsInt32();
            return Avx.IsSupported
                ? Avx.ConvertToVector256Double(samples)
                : Vector256.Create((double)samples[0], samples[1], samples[2], samples[3]);
        }
    }
}
