using System.Runtime.InteropServices;

namespace Espalier.Models.Data;

/// <summary>Writes baseline JPEG files through libjpeg-turbo: 4:2:0 chroma and the accurate DCT, as Pillow's <c>save</c> does.</summary>
public static unsafe class JpegWriter
{
    /// <summary>Pillow's default quality.</summary>
    public const int DefaultQuality = 75;

    private const int Subsampling420 = 2, SubsamplingGray = 3;
    private const int AccurateDct = 4096;

    /// <summary>The bytes of the file; <paramref name="quality"/> is 1 to 100.</summary>
    /// <exception cref="FailureException">libjpeg-turbo is missing or refuses the image.</exception>
    public static byte[] Encode(ImageBuffer image, int quality = DefaultQuality)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(quality, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(quality, 100);
        try
        {
            return EncodeNative(image, quality);
        }
        catch (DllNotFoundException e)
        {
            throw new FailureException("The system library that writes JPEG files is missing; install it with: apt-get install libturbojpeg0", e);
        }
    }

    private static byte[] EncodeNative(ImageBuffer image, int quality)
    {
        var handle = TurboJpeg.InitCompress();
        if (handle == 0) throw new FailureException("libjpeg-turbo could not be started; free some memory.");
        byte* data = null;
        try
        {
            var (format, subsampling) = image.Channels == 1 ? (TurboJpeg.FormatGray, SubsamplingGray) : (TurboJpeg.FormatRgb, Subsampling420);
            CULong size;
            fixed (byte* source = image.Pixels)
                if (TurboJpeg.Compress2(handle, source, image.Width, 0, image.Height, format, &data, &size, subsampling, quality, AccurateDct) != 0)
                    throw new FailureException(
                        $"An image of {image.Width}×{image.Height} pixels cannot be written as JPEG: {TurboJpeg.ErrorText(handle)}; write it as PNG.");
            return new ReadOnlySpan<byte>(data, checked((int)size.Value)).ToArray();
        }
        finally
        {
            if (data is not null) TurboJpeg.Free(data);
            TurboJpeg.Destroy(handle);
        }
    }
}
