using System.Collections.Immutable;
using Espalier.Models.Formats.Safetensors;

namespace Espalier.Models.Formats.Pickle;

/// <summary>
/// A PyTorch checkpoint (<c>.pth</c>, <c>.pt</c>, <c>.bin</c>), read without PyTorch and without running any of it. Everything was checked
/// before the constructor returns; storages are read when a tensor is asked for.
/// </summary>
public sealed class TorchFile : ITensorFile
{
    private const int TarMark = 257;
    // Layers may share their weights.
    private const int MostShared = 16;
    private const long FreelyShared = 1 << 20;
    private readonly FileStream _stream;
    private readonly ITorchContainer _container;
    private readonly IReadOnlyDictionary<string, TorchTensor> _tensors;
    private readonly ImmutableDictionary<string, TensorInfo> _byName;

    private TorchFile(FileStream stream, string path)
    {
        (_stream, Path) = (stream, path);
        _container = Container(stream, path);
        (Entry, _tensors) = StateDict.Find(_container.Root, path);
        if (_tensors.Count > TensorFiles.MostTensors) throw TensorFiles.TooMany(path, _tensors.Count);
        CheckSharing(_tensors.Values);
        Infos = [.. _tensors.OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => Describe(t.Key, t.Value))];
        _byName = Infos.ToImmutableDictionary(t => t.Name, StringComparer.Ordinal);
    }

    public string Path { get; }

    /// <summary>The entry of a training checkpoint the tensors were taken from, e.g. <c>model_ema</c>; empty when they are all it has.</summary>
    public string Entry { get; }

    public ImmutableArray<TensorInfo> Infos { get; }

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="InputException">It is missing, unreadable, damaged, hostile or no checkpoint.</exception>
    public static TorchFile Open(string path)
    {
        FileStream? stream = null;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
            return new TorchFile(stream, path);
        }
        catch (Exception e)
        {
            stream?.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw new InputException($"Cannot read {path}: {e.Message}", e);
            if (e is InvalidDataException) throw TorchFault.Invalid(path, "its compressed data is damaged", e);
            throw;
        }
    }

    public bool Contains(string name) => _byName.ContainsKey(name);

    public TensorInfo Info(string name) => _byName.TryGetValue(name, out var info) ? info : throw new InputException($"{Path} has no tensor {name}.");

    public float[] ReadFloats(string name)
    {
        var info = Info(name);
        ElementValues.RequireFloat(info, Path);
        var (tensor, size) = (_tensors[name], info.ElementType.Size());
        if (tensor.Extent * size > int.MaxValue || tensor.Count * size > int.MaxValue)
            throw new InputException($"{Path}: tensor {name} {info.ShapeText} is longer than 2 GiB, the most that is read at once.");
        try
        {
            var touched = _container.Read(tensor.Storage, (tensor.Storage.First + tensor.Offset) * size, (int)(tensor.Extent * size));
            var values = new float[tensor.Count];
            ElementValues.ToSingle(info.ElementType, tensor.Gather(touched, size), values);
            return values;
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new InputException($"{Path}: tensor {name} cannot be read: {e.Message}", e);
        }
    }

    public void Dispose() => _stream.Dispose();

    // A file of a kilobyte could else name a storage a million times, and so ask for memory it does not have itself.
    private void CheckSharing(IEnumerable<TorchTensor> tensors)
    {
        Int128 named = 0, stored = 0;
        var storages = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tensor in tensors)
        {
            named += tensor.Count;
            if (storages.Add(tensor.Storage.Key)) stored += tensor.Storage.Count;
        }
        if (named > stored * MostShared + FreelyShared)
            throw TorchFault.Invalid(Path, $"its tensors have {named} elements in all, of which only {stored} are stored");
    }

    private TensorInfo Describe(string name, TorchTensor tensor) => tensor.Storage.ElementType is { } type ? new TensorInfo(name, type, tensor.Shape)
        : throw new InputException($"{Path}: tensor {name} has elements of the unsupported type {tensor.Storage.TypeName}; convert it to float32.");

    private static ITorchContainer Container(FileStream stream, string path)
    {
        var head = new byte[TarMark + 5];
        var length = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        if (length >= 4 && head.AsSpan(0, 4).SequenceEqual("PK\u0003\u0004"u8)) return new TorchZip(stream, path);
        if (length == head.Length && head.AsSpan(TarMark).SequenceEqual("ustar"u8))
            throw new InputException($"{path} is a tar archive, the format of PyTorch before 0.2, which is not read; load it in PyTorch and save it again.");
        if (length > 0 && head[0] == (byte)PickleOp.Proto) return new TorchLegacy(stream, path);
        throw TorchFault.Invalid(path, length == 0 ? "it is empty" : "it is neither a zip archive nor a pickle");
    }
}
