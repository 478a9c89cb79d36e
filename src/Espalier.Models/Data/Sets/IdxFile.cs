using System.IO.Compression;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Espalier.Models.Data;

/// <summary>The IDX array format of the MNIST family, unsigned bytes only, plain or gzipped.</summary>
internal static class IdxFile
{
    private const byte UnsignedByte = 0x08;

    /// <summary>
    /// Reads <paramref name="path"/>, or the same with <c>.gz</c>: the array's shape and its bytes in row-major order.
    /// </summary>
    public static (int[] Shape, byte[] Data) Read(string path)
    {
        if (!File.Exists(path)) path += ".gz";
        try
        {
            using var file = File.OpenRead(path);
            using Stream stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress)
                : file;
            var word = new byte[4];
            stream.ReadExactly(word);
            if (word is not [0, 0, UnsignedByte, > 0 and <= 4])
                throw new InputException($"{path}: not an IDX file of unsigned bytes.");
            var shape = new int[word[3]];
            long length = 1;
            for (var i = 0; i < shape.Length; i++)
            {
                stream.ReadExactly(word);
                shape[i] = ReadInt32BigEndian(word);
                if (shape[i] <= 0 || (length *= shape[i]) > Array.MaxLength)
                    throw new InputException($"{path}: impossible size in the header.");
            }
            var data = GC.AllocateUninitializedArray<byte>((int)length);
            stream.ReadExactly(data);
            return (shape, data);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new InputException($"{path}: cannot be read: {e.Message}", e);
        }
    }
}
