using System.Text;

namespace Espalier.Models.Formats.Pickle;

/// <summary>
/// What <c>torch.save</c> writes since 1.6: a zip archive of <c>ROOT/data.pkl</c> and <c>ROOT/data/KEY</c>, one file a storage. ROOT may be anything.
/// </summary>
internal sealed class TorchZip : ITorchContainer
{
    private const string PickleName = "data.pkl";
    private readonly ZipDirectory _directory;
    private readonly string _root;
    private readonly string _path;
    private readonly Stream _stream;
    // The storages that were checked; the bytes of those that are compressed, which would else be unpacked once for each of their tensors.
    private readonly Dictionary<string, byte[]?> _read = new(StringComparer.Ordinal);

    /// <exception cref="InputException">It is damaged, from a big-endian machine, or no checkpoint.</exception>
    public TorchZip(Stream stream, string path)
    {
        (_directory, _path, _stream) = (new ZipDirectory(stream, path), path, stream);
        var pickle = _directory.Items.Where(i => i.Name == PickleName || i.Name.EndsWith("/" + PickleName, StringComparison.Ordinal)).MinBy(i => i.Name.Length)
            ?? throw TorchFault.Invalid(path, "it is a zip archive without a data.pkl");
        _root = pickle.Name[..^PickleName.Length];
        if (_directory.Find(_root + "constants.pkl") is not null || _directory.Items.Any(i => i.Name.StartsWith(_root + "code/", StringComparison.Ordinal)))
            throw new InputException($"{path} is a TorchScript program, not a checkpoint; save its state_dict() instead.");
        if (_directory.Find(_root + "byteorder") is { Length: < 100 } order && Encoding.UTF8.GetString(_directory.ReadAll(order)).Trim() is var name and not "little")
            throw new InputException($"{path} was written on a {name}-endian machine, which is not supported; save it again on another.");
        var globals = new TorchGlobals(path);
        if (pickle.Length > PickleReader.MaxLength) throw TorchFault.Invalid(path, $"{pickle.Name} has {pickle.Length} bytes, more than any checkpoint's");
        Root = new Unpickler(new PickleReader(new MemoryStream(_directory.ReadAll(pickle)), pickle.Length, path), globals).Load();
        foreach (var storage in globals.Storages.Values) Check(storage);
    }

    public object? Root { get; }

    public byte[] Read(TorchStorage storage, long start, int count)
    {
        var item = Item(storage);
        if (!_read.TryGetValue(item.Name, out var whole))
        {
            if (!item.IsDeflated) _directory.Verify(item);
            _read[item.Name] = whole = item.IsDeflated ? _directory.ReadAll(item) : null;
        }
        if (whole is not null) return whole.AsSpan(checked((int)start), count).ToArray();
        var bytes = new byte[count];
        _stream.Position = item.Start + start;
        _stream.ReadExactly(bytes);
        return bytes;
    }

    private void Check(TorchStorage storage)
    {
        var item = Item(storage);
        if (storage.ByteLength is { } claimed && claimed > item.Length)
            throw TorchFault.Invalid(_path, $"storage {storage.Key} claims {storage.Describe()} but its file {item.Name} has only {item.Length} bytes");
    }

    private ZipItem Item(TorchStorage storage) => _directory.Find($"{_root}data/{storage.Key}")
        ?? throw TorchFault.Invalid(_path, $"storage {storage.Key} has no file {_root}data/{storage.Key}");
}
