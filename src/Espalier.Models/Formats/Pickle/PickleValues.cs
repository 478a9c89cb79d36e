using System.Diagnostics.CodeAnalysis;

namespace Espalier.Models.Formats.Pickle;

// What a pickle is made of. None is null; bool, long, BigInteger, double, string and byte[] stand for themselves.

/// <summary>The name of a Python class or function. Names are read, never looked up.</summary>
internal sealed record PickleGlobal(string Module, string Name)
{
    public override string ToString() => $"{Module}.{Name}";
}

/// <summary>A list, or a set: order is kept.</summary>
internal sealed class PickleList : List<object?>;

/// <summary>A tuple.</summary>
internal sealed record PickleTuple(object?[] Items)
{
    public int Count => Items.Length;

    public object? this[int index] => Items[index];
}

/// <summary>A dict. Only keys that are texts can be asked for; of equal ones the last wins.</summary>
internal sealed class PickleDict
{
    // Made when they are needed: a hostile file holds millions of empty dicts, a byte each.
    private OrderedDictionary<string, object?>? _texts;
    private List<object?>? _others;

    /// <summary>Entries whose key is a text, in the order of the file.</summary>
    public IEnumerable<KeyValuePair<string, object?>> Texts => _texts ?? [];

    /// <summary>Values whose key is no text.</summary>
    public IReadOnlyList<object?> Others => _others ?? [];

    public void Set(object? key, object? value)
    {
        if (key is string text) (_texts ??= new(StringComparer.Ordinal))[text] = value;
        else (_others ??= []).Add(value);
    }

    public bool TryGet(string key, [MaybeNullWhen(false)] out object value)
    {
        value = null;
        return _texts is not null && _texts.TryGetValue(key, out value) && value is not null;
    }
}

/// <summary>Stands for an object of a class that is not known here: its parts are kept, nothing of it was run.</summary>
internal sealed class PickleObject(object? type)
{
    /// <summary>A <see cref="PickleGlobal"/> as a rule.</summary>
    public object? Type { get; } = type;

    /// <summary>What the object's attributes were to be filled from.</summary>
    public object? State { get; set; }

    /// <summary>Its entries, when its class is a kind of dict.</summary>
    public PickleDict Entries { get; } = new();
}
