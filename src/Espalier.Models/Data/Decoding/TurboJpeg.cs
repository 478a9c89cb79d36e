using System.Runtime.InteropServices;

namespace Espalier.Models.Data;

/// <summary>The few functions of the TurboJPEG C API (version 2, kept by version 3) that decoding and encoding need.</summary>
internal static unsafe partial class TurboJpeg
{
    private const string Library = "libturbojpeg.so.0";

    /// <summary>Pixel formats.</summary>
    public const int FormatRgb = 0, FormatGray = 6, FormatCmyk = 11;

    /// <summary><see cref="GetErrorCode"/>: the image was decoded, with complaints.</summary>
    public const int Warning = 0;

    [LibraryImport(Library, EntryPoint = "tjInitDecompress")]
    public static partial nint InitDecompress();

    [LibraryImport(Library, EntryPoint = "tjDestroy")]
    public static partial int Destroy(nint handle);

    [LibraryImport(Library, EntryPoint = "tjDecompressHeader3")]
    public static partial int DecompressHeader3(
        nint handle, byte* data, nuint size, int* width, int* height, out int subsampling, int* colorspace);

    [LibraryImport(Library, EntryPoint = "tjDecompress2")]
    public static partial int Decompress2(
        nint handle, byte* data, nuint size, byte* destination, int width, int pitch, int height, int format, int flags);

    [LibraryImport(Library, EntryPoint = "tjInitCompress")]
    public static partial nint InitCompress();

    /// <summary>Compresses into a buffer of the library's own, which <see cref="Free"/> gives back.</summary>
    [LibraryImport(Library, EntryPoint = "tjCompress2")]
    public static partial int Compress2(
        nint handle, byte* source, int width, int pitch, int height, int format, byte** data, CULong* size, int subsampling, int quality, int flags);

    [LibraryImport(Library, EntryPoint = "tjFree")]
    public static partial void Free(byte* data);

    [LibraryImport(Library, EntryPoint = "tjGetErrorCode")]
    public static partial int GetErrorCode(nint handle);

    /// <summary>The library's own words for the last error or warning.</summary>
    public static string ErrorText(nint handle) => Marshal.PtrToStringUTF8(GetErrorStr2(handle)) ?? "unknown error";

    [LibraryImport(Library, EntryPoint = "tjGetErrorStr2")]
    private static partial nint GetErrorStr2(nint handle);
}
