using System.Collections.Immutable;
using System.Numerics;
using Espalier.Models.Formats.Safetensors;

namespace Espalier.Models.Formats.Pickle;

/// <summary>
/// The names a PyTorch checkpoint is made of, and what they mean: dicts, storages, tensors, parameters. Every other name gives a
/// <see cref="PickleObject"/>, whatever it is called with.
/// </summary>
internal sealed class TorchGlobals(string path)
{
    private static readonly ImmutableDictionary<string, ElementType> ElementTypesByName = new Dictionary<string, ElementType>
    {
        ["Float"] = ElementType.F32, ["Half"] = ElementType.F16, ["BFloat16"] = ElementType.BF16, ["Double"] = ElementType.F64,
        ["Long"] = ElementType.I64, ["Int"] = ElementType.I32, ["Short"] = ElementType.I16, ["Char"] = ElementType.I8, ["Byte"] = ElementType.U8,
        ["Bool"] = ElementType.Bool,
        ["float32"] = ElementType.F32, ["float"] = ElementType.F32, ["float16"] = ElementType.F16, ["half"] = ElementType.F16,
        ["bfloat16"] = ElementType.BF16, ["float64"] = ElementType.F64, ["double"] = ElementType.F64, ["int64"] = ElementType.I64,
        ["int32"] = ElementType.I32, ["int16"] = ElementType.I16, ["int8"] = ElementType.I8, ["uint8"] = ElementType.U8, ["bool"] = ElementType.Bool,
    }.ToImmutableDictionary();

    private const string FromType = "torch._tensor._rebuild_from_type_v2";

    // A call copies the list it is given, and one list may be given to many calls.
    private const int MostCopied = 1 << 20;

    private readonly Dictionary<string, TorchStorage> _storages = [];
    private int _copied;

    /// <summary>Every storage that was named, by key.</summary>
    public IReadOnlyDictionary<string, TorchStorage> Storages => _storages;

    /// <exception cref="InputException">The name runs code.</exception>
    public PickleGlobal Named(string module, string name, PickleReader reader) => ForbiddenGlobals.Has(module, name)
        ? throw new InputException($"{path} asks to import {module}.{name} (byte {reader.Position} of its pickle): whoever loads it with Python "
            + "runs its author's code. Nothing was run; the file is refused. Get the weights from elsewhere, as safetensors.")
        : new PickleGlobal(module, name);

    /// <summary>What a call gives; nothing is called.</summary>
    public object? Construct(object? callee, object? arguments, PickleReader reader)
    {
        if (arguments is not PickleTuple tuple) throw reader.Invalid("the arguments of a call are no tuple");
        return (callee as PickleGlobal)?.ToString() switch
        {
            "collections.OrderedDict" or "collections.defaultdict" or "builtins.dict" or "__builtin__.dict" => Dict(tuple, reader),
            "torch.Size" when tuple is [PickleTuple sizes] => sizes,
            "torch._utils._rebuild_tensor" => Tensor(tuple, 4, reader),
            "torch._utils._rebuild_tensor_v2" => Tensor(tuple, 6, reader),
            "torch._utils._rebuild_tensor_v3" => Tensor(tuple, 7, reader),
            "torch._utils._rebuild_parameter" or "torch._utils._rebuild_parameter_with_state" when tuple.Count > 1 => tuple[0],
            // Once: a chain of these would be as deep as the file is long.
            FromType when tuple.Count > 2 && tuple[0] is PickleGlobal inner && inner.ToString() != FromType => Construct(tuple[0], tuple[2], reader),
            _ => new PickleObject(callee),
        };
    }

    /// <summary>
    /// A storage: <c>('storage', type, key, location, elements)</c>, in old files with a sixth part for a view, <c>(key, offset, elements)</c>.
    /// Old files wrap the classes of a whole model alike: <c>('module', class, source file, source)</c>.
    /// </summary>
    public object? Persistent(object? id, PickleReader reader)
    {
        if (id is PickleTuple { Count: > 1 } module && module[0] is "module") return module[1];
        if (id is not PickleTuple { Count: 5 or 6 } parts || parts[0] is not "storage" || parts[1] is not PickleGlobal type || parts[4] is not long count)
            throw reader.Invalid("a persistent id is not that of a storage");
        var key = parts[2] switch
        {
            string text => text,
            long number => $"{number}",
            // Nobody has so many storages, and writing a long number out takes the square of its length.
            BigInteger number when number.GetByteCount() <= 16 => $"{number}",
            _ => throw reader.Invalid("a storage has no key"),
        };
        if (count < 0) throw reader.Invalid($"storage {key} has {count} elements");
        var storage = new TorchStorage(key, Element(type.Name.Replace("Storage", "")), type.Name, count);
        if (_storages.TryGetValue(key, out var known) && known != storage)
            throw reader.Invalid($"storage {key} is {known.Describe()} in one place and {storage.Describe()} in another");
        _storages[key] = storage;
        return parts.Count == 6 && parts[5] is PickleTuple view ? View(storage, view, reader) : storage;
    }

    private static TorchStorage View(TorchStorage storage, PickleTuple view, PickleReader reader) =>
        view is [_, long offset, long count] && offset >= 0 && count >= 0 && offset <= storage.Count - count
            ? storage with { First = offset, Count = count }
            : throw reader.Invalid($"a view of storage {storage.Key} goes beyond it");

    private static ElementType? Element(string name) => ElementTypesByName.TryGetValue(name, out var type) ? type : null;

    private PickleDict Dict(PickleTuple arguments, PickleReader reader)
    {
        var dict = new PickleDict();
        // Python 2 wrote the entries as a list of pairs.
        if (arguments is not [PickleList pairs]) return dict;
        if (pairs.Count > MostCopied - _copied) throw reader.Invalid($"its dicts are made of lists with more than {MostCopied} pairs in all");
        _copied += pairs.Count;
        foreach (var pair in pairs)
            if (pair is PickleTuple { Count: 2 } entry) dict.Set(entry[0], entry[1]);
            else if (pair is PickleList { Count: 2 } list) dict.Set(list[0], list[1]);
        return dict;
    }

    // (storage, offset, size, stride, requires_grad, hooks[, dtype]): the first four say it all, unless the storage has no type of its own.
    private static TorchTensor Tensor(PickleTuple arguments, int least, PickleReader reader)
    {
        if (arguments.Count < least || arguments[0] is not TorchStorage storage || arguments[1] is not long offset
            || Longs(arguments[2]) is not { } shape || Longs(arguments[3]) is not { } strides)
            throw reader.Invalid("a tensor is not described as PyTorch does");
        if (least == 7 && arguments[6] is PickleGlobal type && storage.IsUntyped && Element(type.Name) is { } element)
            storage = storage with { ElementType = element, Count = storage.Count / element.Size() };
        return TorchTensor.Checked(storage, offset, shape, strides) is { } tensor ? tensor
            : throw reader.Invalid($"a tensor of shape {TensorInfo.Describe(shape)}, strides {TensorInfo.Describe(strides)} and offset {offset} does not lie "
                + $"inside storage {storage.Key}, which has {storage.Describe()}");
    }

    private static ImmutableArray<long>? Longs(object? value) =>
        value is PickleTuple tuple && tuple.Items.All(i => i is long) ? [.. tuple.Items.Select(i => (long)i!)] : null;
}
