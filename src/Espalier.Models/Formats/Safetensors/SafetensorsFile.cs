using System.Buffers.Binary;
using System.Collections.Immutable;
using System.IO.MemoryMappedFiles;

namespace Espalier.Models.Formats.Safetensors;

/// <summary>A safetensors file, memory-mapped for reading. Everything in its header was checked before the constructor returns.</summary>
public sealed unsafe class SafetensorsFile : ITensorFile
{
    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly ImmutableDictionary<string, SafetensorsEntry> byName;
    private readonly long dataStart;
    private byte* file;

    private SafetensorsFile(string path, MemoryMappedFile map, MemoryMappedViewAccessor view, SafetensorsHeader header, long dataStart)
    {
        Path = path;
        Infos = [.. header.Tensors];
        Metadata = header.Metadata;
        byName = header.Tensors.ToImmutableDictionary(t => t.Name, StringComparer.Ordinal);
        this.map = map;
        this.view = view;
        this.dataStart = dataStart;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref file);
    }

    /// <summary>The path it was opened by.</summary>
    public string Path { get; }

    /// <summary>Every tensor, by ordinal name.</summary>
    public ImmutableArray<TensorInfo> Infos { get; }

    /// <summary>The header's <c>__metadata__</c>; empty when it has none.</summary>
    public ImmutableSortedDictionary<string, string> Metadata { get; }

    /// <summary>Opens and validates a file; the tensors themselves are read only when they are asked for.</summary>
    /// <exception cref="InputException">The file is missing, unreadable or breaks a rule of the format.</exception>
    public static SafetensorsFile Open(string path)
    {
        MemoryMappedFile? map = null;
        MemoryMappedViewAccessor? view = null;
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            var (header, dataStart) = ReadHeader(stream, path);
            map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            return new SafetensorsFile(path, map, view, header, dataStart);
        }
        catch (Exception e)
        {
            view?.Dispose();
            map?.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw new InputException($"Cannot read {path}: {e.Message}", e);
            throw;
        }
    }

    public bool Contains(string name) => byName.ContainsKey(name);

    /// <summary>The description of one tensor.</summary>
    /// <exception cref="InputException">The file has no such tensor.</exception>
    public SafetensorsEntry Info(string name) =>
        byName.TryGetValue(name, out var info) ? info : throw new InputException($"{Path} has no tensor {name}.");

    TensorInfo ITensorFile.Info(string name) => Info(name);

    /// <summary>The bytes of one tensor, valid until the file is disposed.</summary>
    /// <exception cref="InputException">There is no such tensor, or it is longer than a span can be (2 GiB).</exception>
    public ReadOnlySpan<byte> Bytes(string name)
    {
        ObjectDisposedException.ThrowIf(file == null, this);
        var info = Info(name);
        if (info.ByteLength > int.MaxValue)
            throw new InputException($"{Path}: tensor {name} {info.ShapeText} is longer than 2 GiB, the most that is read "
                + "at once.");
        return new ReadOnlySpan<byte>(file + dataStart + info.Begin, (int)info.ByteLength);
    }

    /// <summary>The elements of a floating tensor as single precision, row-major; F64 is rounded, F16 and BF16 are exact.</summary>
    /// <exception cref="InputException">There is no such tensor, or its element type is not floating.</exception>
    public float[] ReadFloats(string name)
    {
        var info = Info(name);
        ElementValues.RequireFloat(info, Path);
        var bytes = Bytes(name);
        var values = new float[info.Count];
        ElementValues.ToSingle(info.ElementType, bytes, values);
        return values;
    }

    public void Dispose()
    {
        if (file == null) return;
        file = null;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
    }

    private static (SafetensorsHeader Header, long DataStart) ReadHeader(FileStream stream, string path)
    {
        var length = stream.Length;
        if (length < 8) throw SafetensorsHeader.Invalid(path, $"it has only {length} bytes");
        Span<byte> prefix = stackalloc byte[8];
        stream.ReadExactly(prefix);
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > SafetensorsHeader.MaxLength)
            throw SafetensorsHeader.Invalid(path, $"its header claims {headerLength} bytes, over the limit of "
                + $"{SafetensorsHeader.MaxLength}");
        var dataStart = 8 + (long)headerLength;
        if (dataStart > length) throw SafetensorsHeader.Invalid(path, $"its header claims {headerLength} bytes but the "
            + $"file has {length}");
        var json = new byte[headerLength];
        stream.ReadExactly(json);
        return (SafetensorsHeader.Parse(json, length - dataStart, path), dataStart);
    }
}
