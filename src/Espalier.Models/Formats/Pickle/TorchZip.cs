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

    /// <exception cref="InputException">It is damaged, from a big-endian machine, or no checkpoint.</exception>
    public TorchZip(Stream stream, string path)
    {
        (_directory, _path) = (new ZipDirectory(stream, path), path);
        var pickle = _directory.Items.Where(i => i.Name == PickleName || i.Name.EndsWith("/" + PickleName, StringComparison.Ordinal)).MinBy(i => i.Name.Length)
            ?? throw TorchFault.Invalid(path, "it is a zip archive without a data.pkl");
        _root = pickle.Name[..^PickleName.Length];
        if (_directory.Find(_root + "constants.pkl") is not null || _directory.Items.Any(i => i.Name.StartsWith(_root + "code/", StringComparison.Ordinal)))
            throw new InputException($"{path} is a TorchScript program, not a checkpoint; save its state_dict() instead.");
        if (_directory.Find(_root + "byteorder") is { Length: < 100 } order && ReadText(order) is var name and not "little")
            throw new InputException($"{path} was written on a {name}-endian machine, which is not supported; save it again on another.");
        var globals = new TorchGlobals(path);
        Root = new Unpickler(new PickleReader(_directory.Open(pickle), pickle.Length, path), globals).Load();
        foreach (var storage in globals.Storages.Values) Check(storage);
    }

    public object? Root { get; }

    public byte[] Read(TorchStorage storage, long start, int count)
    {
        var item = Item(storage);
        var bytes = new byte[count];
        var stream = _directory.Open(item);
        if (item.IsDeflated) Skip(stream, start, item);
        else stream.Position += start;
        if (stream.ReadAtLeast(bytes, count, throwOnEndOfStream: false) < count) throw Short(item);
        if (item.IsDeflated) stream.Dispose();
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

    private void Skip(Stream stream, long count, ZipItem item)
    {
        var scratch = new byte[1 << 16];
        for (var left = count; left > 0;)
        {
            var read = stream.Read(scratch, 0, (int)Math.Min(left, scratch.Length));
            if (read == 0) throw Short(item);
            left -= read;
        }
    }

    private string ReadText(ZipItem item)
    {
        using var reader = new StreamReader(_directory.Open(item), Encoding.UTF8, leaveOpen: true);
        var text = new char[item.Length];
        return new string(text, 0, reader.Read(text)).Trim();
    }

    private InputException Short(ZipItem item) => TorchFault.Invalid(_path, $"{item.Name} has fewer bytes than it claims");
}
