using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Espalier.Models.Formats.Pickle;

/// <summary>One file inside a zip archive.</summary>
/// <param name="Name">With its folders.</param>
/// <param name="Start">First byte of its data in the archive.</param>
/// <param name="Stored">Bytes it takes there.</param>
/// <param name="Length">Bytes it has.</param>
/// <param name="IsDeflated">Else it is stored as it is.</param>
/// <param name="Checksum">CRC-32 of its bytes; 0 where the writer left it out, as PyTorch can be told to.</param>
internal sealed record ZipItem(string Name, long Start, long Stored, long Length, bool IsDeflated, uint Checksum);

/// <summary>
/// The directory of a zip archive, with every check that makes its offsets and lengths safe to follow: what overlaps, points outside or
/// claims to unpack to more than it can is refused before a byte of it is read.
/// </summary>
internal sealed class ZipDirectory
{
    private const int EndLength = 22, LongEndLength = 56, LocatorLength = 20, HeaderLength = 46, LocalLength = 30, MaxComment = 65535;
    private const int MaxItems = 1_000_000;
    private const long MaxDirectory = 128 << 20;
    // Weights hardly compress; a little that does (zeros) is allowed for.
    private const int MostGrowth = 20;
    private const long FreeGrowth = 16 << 20;

    private readonly Stream _stream;
    private readonly string _path;
    private readonly Dictionary<string, ZipItem> _items = new(StringComparer.Ordinal);

    /// <param name="stream">The archive; it must be seekable, and stays open.</param>
    /// <param name="path">Named in errors.</param>
    /// <exception cref="InputException">It is no archive, is damaged or is made to harm.</exception>
    public ZipDirectory(Stream stream, string path)
    {
        (_stream, _path) = (stream, path);
        var (count, length, start) = FindDirectory();
        var headers = Read(start, length);
        var at = 0;
        for (long k = 0; k < count; k++) at += Add(headers.AsSpan(at), start);
        CheckLayout(start);
    }

    public IEnumerable<ZipItem> Items => _items.Values;

    public ZipItem? Find(string name) => _items.GetValueOrDefault(name);

    /// <summary>All bytes of one file. What it claims is allocated as it comes, not before.</summary>
    /// <exception cref="InputException">It has fewer than it claims, or others than were written.</exception>
    public byte[] ReadAll(ZipItem item)
    {
        if (item.Length > Array.MaxLength) throw Invalid($"{item.Name} has {item.Length} bytes, more than are read at once");
        using var bytes = new MemoryStream(item.IsDeflated ? 0 : (int)item.Length);
        CopyTo(bytes, item);
        return bytes.ToArray();
    }

    /// <summary>Reads one file through, so that a damaged one is found.</summary>
    /// <exception cref="InputException">It has fewer bytes than it claims, or others than were written.</exception>
    public void Verify(ZipItem item) => CopyTo(Stream.Null, item);

    private void CopyTo(Stream target, ZipItem item)
    {
        _stream.Position = item.Start;
        using var deflated = item.IsDeflated ? new DeflateStream(_stream, CompressionMode.Decompress, leaveOpen: true) : null;
        var (source, crc) = (deflated ?? _stream, new Crc32());
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 16);
        try
        {
            for (var left = item.Length; left > 0;)
            {
                var part = buffer.AsSpan(0, (int)Math.Min(left, buffer.Length));
                var read = source.Read(part);
                if (read == 0) throw Invalid($"{item.Name} has fewer bytes than it claims");
                crc.Add(part[..read]);
                target.Write(part[..read]);
                left -= read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        if (item.Checksum != 0 && item.Checksum != crc.Value) throw Invalid($"{item.Name} is damaged: its checksum does not match");
    }

    private (long Count, long Length, long Start) FindDirectory()
    {
        var tail = Read(Math.Max(0, _stream.Length - EndLength - MaxComment), Math.Min(_stream.Length, EndLength + MaxComment));
        for (var at = tail.Length - EndLength; at >= 0; at--)
        {
            var end = tail.AsSpan(at);
            if (UInt32(end, 0) != 0x06054B50 || UInt16(end, 20) != end.Length - EndLength) continue;
            long count = UInt16(end, 10), length = UInt32(end, 12), start = UInt32(end, 16);
            if (count == 0xFFFF || length == 0xFFFFFFFF || start == 0xFFFFFFFF)
                (count, length, start) = ReadLongEnd(_stream.Length - tail.Length + at);
            if (count is < 0 or > MaxItems || length is < 0 or > MaxDirectory || start < 0 || start > _stream.Length - length)
                throw Invalid($"its zip directory of {count} files and {length} bytes does not lie inside it");
            return (count, length, start);
        }
        throw Invalid("its zip directory is missing (a download that was cut short)");
    }

    private (long Count, long Length, long Start) ReadLongEnd(long end)
    {
        var locator = Read(end - LocatorLength, LocatorLength);
        if (UInt32(locator, 0) != 0x07064B50) throw Invalid("its zip64 directory is missing");
        var record = Read(Int64(locator, 8), LongEndLength);
        return UInt32(record, 0) == 0x06064B50 ? (Int64(record, 32), Int64(record, 40), Int64(record, 48)) : throw Invalid("its zip64 directory is missing");
    }

    private int Add(ReadOnlySpan<byte> header, long directory)
    {
        if (header.Length < HeaderLength || UInt32(header, 0) != 0x02014B50) throw Invalid("its zip directory is damaged");
        var (flags, method) = (UInt16(header, 8), UInt16(header, 10));
        var (nameLength, extraLength, commentLength) = (UInt16(header, 28), UInt16(header, 30), UInt16(header, 32));
        var whole = HeaderLength + nameLength + extraLength + commentLength;
        if (header.Length < whole) throw Invalid("its zip directory is damaged");
        var name = Encoding.UTF8.GetString(header.Slice(HeaderLength, nameLength));
        long stored = UInt32(header, 20), length = UInt32(header, 24), local = UInt32(header, 42);
        ReadLong(header.Slice(HeaderLength + nameLength, extraLength), ref length, ref stored, ref local);
        if (name.Split('/').Contains("..") || name.StartsWith('/') || name.Contains('\\') || name.Contains('\0'))
            throw Invalid($"it has a file named {name.ReplaceLineEndings(" ")}, which points outside of it");
        if ((flags & 1) != 0) throw Invalid($"{name} is encrypted");
        if (method is not (0 or 8)) throw Invalid($"{name} is compressed by method {method}; only stored and deflated files are read");
        if (stored < 0 || length < 0 || local < 0 || local > directory - LocalLength) throw Invalid($"{name} does not lie inside it");
        if (method == 0 && stored != length) throw Invalid($"{name} is stored in {stored} bytes but claims {length}");
        var localHeader = Read(local, LocalLength);
        if (UInt32(localHeader, 0) != 0x04034B50) throw Invalid($"{name} does not start where the zip directory says");
        var start = local + LocalLength + UInt16(localHeader, 26) + UInt16(localHeader, 28);
        if (!_items.TryAdd(name, new ZipItem(name, start, stored, length, method == 8, UInt32(header, 16)))) throw Invalid($"it has two files named {name}");
        return whole;
    }

    // The extra field 1 holds those of the numbers that did not fit in 32 bits.
    private static void ReadLong(ReadOnlySpan<byte> extra, ref long length, ref long stored, ref long local)
    {
        while (extra.Length >= 4)
        {
            var (id, size) = (UInt16(extra, 0), UInt16(extra, 2));
            if (extra.Length < 4 + size) return;
            if (id == 1)
            {
                var field = extra.Slice(4, size);
                Take(ref length, ref field);
                Take(ref stored, ref field);
                Take(ref local, ref field);
                return;
            }
            extra = extra[(4 + size)..];
        }

        static void Take(ref long value, ref ReadOnlySpan<byte> field)
        {
            if (value != 0xFFFFFFFF || field.Length < 8) return;
            value = Int64(field, 0);
            field = field[8..];
        }
    }

    private void CheckLayout(long directory)
    {
        var position = 0L;
        Int128 unpacked = 0;
        foreach (var item in _items.Values.OrderBy(i => i.Start).ThenBy(i => i.Stored))
        {
            if (item.Start < position || item.Stored > directory - item.Start) throw Invalid($"{item.Name} overlaps another file, or the zip directory");
            position = item.Start + item.Stored;
            if (item.IsDeflated) unpacked += item.Length;
        }
        if (unpacked > (Int128)_stream.Length * MostGrowth + FreeGrowth)
            throw Invalid($"its {_stream.Length} bytes claim to unpack to {unpacked}, which weights do not");
    }

    private byte[] Read(long start, long length)
    {
        if (start < 0 || length < 0 || start > _stream.Length - length) throw Invalid("its zip directory points outside of it");
        var bytes = new byte[length];
        _stream.Position = start;
        _stream.ReadExactly(bytes);
        return bytes;
    }

    private static ushort UInt16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint UInt32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static long Int64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);

    private InputException Invalid(string what) => TorchFault.Invalid(_path, what);
}
