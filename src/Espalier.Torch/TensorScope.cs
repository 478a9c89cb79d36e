namespace Espalier.Torch;

/// <summary>
/// Owns every tensor made on this thread while it is the innermost scope, and frees them when it is disposed. A result leaves by
/// <see cref="Keep"/>. Scopes belong to the thread that made them and nest.
/// </summary>
/// <example><code>
/// using var scope = new TensorScope();
/// return scope.Keep(x.MatMul(w).Gelu());
/// </code></example>
public sealed class TensorScope : IDisposable
{
    [ThreadStatic] private static TensorScope? s_current;

    private readonly TensorScope? _outer;
    private readonly List<Tensor> _tensors = [];
    private bool _disposed;

    public TensorScope()
    {
        _outer = s_current;
        s_current = this;
    }

    /// <summary>The innermost scope of this thread, or null.</summary>
    public static TensorScope? Current => s_current;

    /// <summary>Moves a tensor of this scope to the surrounding one, or to nobody when there is none.</summary>
    /// <exception cref="ObjectDisposedException">The scope has ended.</exception>
    public Tensor Keep(Tensor tensor)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (tensor.Scope != this) return tensor;
        tensor.Scope = null;
        _outer?.Adopt(tensor);
        return tensor;
    }

    /// <summary>Takes a tensor out of every scope: its holder disposes it.</summary>
    public static Tensor Release(Tensor tensor)
    {
        tensor.Scope = null;
        return tensor;
    }

    public void Dispose()
    {
        if (_disposed) return;
        if (s_current != this)
            throw new InvalidOperationException("A tensor scope was disposed out of order or on another thread.");
        _disposed = true;
        s_current = _outer;
        foreach (var tensor in _tensors)
            if (tensor.Scope == this) tensor.Dispose();
    }

    internal void Adopt(Tensor tensor)
    {
        tensor.Scope = this;
        _tensors.Add(tensor);
    }
}
