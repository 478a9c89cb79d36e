using System.Buffers.Binary;
using System.Numerics;

namespace Espalier.Models.Formats.Pickle;

/// <summary>
/// What <c>torch.save</c> wrote before 1.6: five pickles in a row (a magic number, a protocol, the machine, what was saved, the keys of its
/// storages), then of each storage its number of elements, 8 bytes, and the elements.
/// </summary>
internal sealed class TorchLegacy : ITorchContainer
{
    private static readonly BigInteger Magic = BigInteger.Parse("119547037146038801333356");
    private const int Protocol = 1001;
    private readonly Stream _stream;
    private readonly Dictionary<string, long> _starts = [];

    /// <exception cref="InputException">It is damaged, from a big-endian machine, or no checkpoint.</exception>
    public TorchLegacy(Stream stream, string path)
    {
        _stream = stream;
        stream.Position = 0;
        var reader = new PickleReader(stream, stream.Length, path);
        var globals = new TorchGlobals(path);
        var unpickler = new Unpickler(reader, globals);
        if (unpickler.Load() is not BigInteger magic || magic != Magic)
            throw TorchFault.Invalid(path, "it is a pickle, but not one that torch.save wrote");
        if (unpickler.Load() is not (long)Protocol) throw TorchFault.Invalid(path, "its version is unknown");
        if (unpickler.Load() is PickleDict machine && machine.TryGet("little_endian", out var little) && little is false)
            throw new InputException($"{path} was written on a big-endian machine, which is not supported; save it again on another.");
        Root = unpickler.Load();
        if (unpickler.Load() is not PickleList keys) throw TorchFault.Invalid(path, "the list of its storages is missing");
        FindStorages(reader.Position, keys, globals, path);
    }

    public object? Root { get; }

    public byte[] Read(TorchStorage storage, long start, int count)
    {
        var bytes = new byte[count];
        _stream.Position = _starts[storage.Key] + start;
        _stream.ReadExactly(bytes);
        return bytes;
    }

    private void FindStorages(long position, PickleList keys, TorchGlobals globals, string path)
    {
        Span<byte> prefix = stackalloc byte[8];
        foreach (var key in keys)
        {
            if (key is not string name || !globals.Storages.TryGetValue(name, out var storage))
                throw TorchFault.Invalid(path, "it lists a storage that nothing uses");
            if (storage.ByteLength is not { } claimed) throw TorchFault.Invalid(path, $"storage {name} is of the unsupported type {storage.TypeName}");
            if (_stream.Length - position < prefix.Length) throw TorchFault.Invalid(path, $"storage {name} is missing (a download that was cut short)");
            _stream.Position = position;
            _stream.ReadExactly(prefix);
            position += prefix.Length;
            if (BinaryPrimitives.ReadInt64LittleEndian(prefix) is var count && count != storage.Count)
                throw TorchFault.Invalid(path, $"storage {name} claims {storage.Describe()} but {count} are stored");
            if (claimed > _stream.Length - position)
                throw TorchFault.Invalid(path, $"storage {name} claims {storage.Describe()}, beyond the end of the file (a download that was cut short)");
            _starts[name] = position;
            position += (long)claimed;
        }
        if (globals.Storages.Keys.FirstOrDefault(k => !_starts.ContainsKey(k)) is { } missing)
            throw TorchFault.Invalid(path, $"storage {missing} is missing");
    }
}
