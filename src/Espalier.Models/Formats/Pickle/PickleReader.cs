using System.Buffers.Binary;
using System.Text;

namespace Espalier.Models.Formats.Pickle;

/// <summary>The bytes of one or more pickles in a row. Nothing is allocated for a length that the file does not have.</summary>
/// <param name="stream">Positioned at the first pickle.</param>
/// <param name="length">Bytes that may be read at most.</param>
/// <param name="path">Named in errors.</param>
internal sealed class PickleReader(Stream stream, long length, string path)
{
    /// <summary>The most a pickle may take: tensors lie outside of it, so that real ones have a few hundred kilobytes.</summary>
    public const long MaxLength = 64L << 20;

    private const int MaxLine = 4096;
    private readonly long _length = Math.Min(length, MaxLength);

    /// <summary>Bytes read so far.</summary>
    public long Position { get; private set; }

    public byte ReadByte()
    {
        var value = Position < _length ? stream.ReadByte() : -1;
        if (value < 0) throw Invalid("it has no end");
        Position++;
        return (byte)value;
    }

    public byte[] ReadBytes(long count)
    {
        if (count < 0 || count > _length - Position) throw Invalid($"a value of {count} bytes goes beyond its end");
        var bytes = new byte[count];
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length) throw Invalid("it ends in the middle of a value");
        Position += count;
        return bytes;
    }

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(ReadBytes(2));

    public int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(ReadBytes(4));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(ReadBytes(4));

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(ReadBytes(8));

    public double ReadDouble() => BinaryPrimitives.ReadDoubleBigEndian(ReadBytes(8));

    /// <summary>Bytes of a length that is stored before them; one that does not fit is refused before anything is allocated.</summary>
    public byte[] ReadCounted(ulong count) => ReadBytes(count > (ulong)MaxLength ? long.MaxValue : (long)count);

    public string ReadText(ulong count) => Encoding.UTF8.GetString(ReadCounted(count));

    /// <summary>A line of text without its end, as protocol 0 has them.</summary>
    public string ReadLine()
    {
        var line = new List<byte>();
        for (var b = ReadByte(); b != '\n'; b = ReadByte())
        {
            if (line.Count == MaxLine) throw Invalid($"a line is longer than {MaxLine} bytes");
            line.Add(b);
        }
        return Encoding.UTF8.GetString([.. line]);
    }

    public InputException Invalid(string what) => TorchFault.Invalid(path, $"byte {Position} of its pickle: {what}");
}

/// <summary>The errors of PyTorch files.</summary>
internal static class TorchFault
{
    public static InputException Invalid(string path, string what, Exception? inner = null) =>
        new($"{path} is not a PyTorch file that can be read: {what}. Download it again, or save it as safetensors.", inner);
}
