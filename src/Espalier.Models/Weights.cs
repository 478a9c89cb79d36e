using System.Collections;
using System.Diagnostics.CodeAnalysis;
using Espalier.Torch;

namespace Espalier.Models;

/// <summary>The named tensors of one model, in a fixed order. It owns them: disposing it frees them all.</summary>
public sealed class Weights : IReadOnlyDictionary<string, Tensor>, IDisposable
{
    private readonly OrderedDictionary<string, Tensor> _tensors = [];
    private bool _disposed;

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="KeyNotFoundException">The model has no such tensor.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    public Tensor this[string name] =>
        Live.TryGetValue(name, out var tensor) ? tensor : throw new KeyNotFoundException($"The model has no tensor '{name}'.");

    public int Count => Live.Count;

    public IEnumerable<string> Keys => Live.Keys;

    public IEnumerable<Tensor> Values => Live.Values;

    private OrderedDictionary<string, Tensor> Live => _disposed ? throw new ObjectDisposedException(nameof(Weights), "This model was disposed.") : _tensors;

    /// <summary>Takes a tensor over; replaces and frees one of the same name.</summary>
    public void Set(string name, Tensor tensor)
    {
        var tensors = Live;
        TensorScope.Release(tensor);
        if (tensors.TryGetValue(name, out var old) && !ReferenceEquals(old, tensor)) old.Dispose();
        _tensors[name] = tensor;
    }

    /// <summary>Frees and forgets every tensor whose name starts with the prefix.</summary>
    public void RemovePrefix(string prefix)
    {
        foreach (var name in Live.Keys.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).ToList())
        {
            _tensors[name].Dispose();
            _tensors.Remove(name);
        }
    }

    /// <summary>A deep copy without gradients.</summary>
    public Weights Clone()
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var copy = new Weights();
        foreach (var (name, tensor) in Live) copy.Set(name, tensor.Detach().Clone());
        return copy;
    }

    /// <summary>Overwrites the values of all tensors with those of a model of the same shapes.</summary>
    public void CopyFrom(Weights source)
    {
        using var noGrad = new NoGrad();
        foreach (var (name, tensor) in Live) tensor.CopyFrom(source[name]);
    }

    public bool ContainsKey(string key) => Live.ContainsKey(key);

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out Tensor value) => Live.TryGetValue(key, out value);

    public IEnumerator<KeyValuePair<string, Tensor>> GetEnumerator() => Live.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public void Dispose()
    {
        foreach (var tensor in _tensors.Values) tensor.Dispose();
        _tensors.Clear();
        _disposed = true;
    }
}
