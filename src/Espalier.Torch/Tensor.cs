using Espalier.Torch.Native;

namespace Espalier.Torch;

/// <summary>
/// A libtorch tensor. It belongs to the scope that was innermost when it was made; without a scope, to its holder, who disposes it.
/// Operations are thin, typed calls of libtorch operators and keep PyTorch's semantics (broadcasting, type promotion, views).
/// </summary>
public sealed unsafe partial class Tensor : IDisposable
{
    private const int MaxDims = 64;
    private readonly TensorHandle _handle;

    internal Tensor(nint tensor)
    {
        _handle = new TensorHandle(tensor);
        TensorScope.Current?.Adopt(this);
    }

    internal TensorScope? Scope { get; set; }

    internal TensorHandle Handle =>
        _handle.IsClosed ? throw new ObjectDisposedException(nameof(Tensor), "This tensor was disposed, or its scope ended.") : _handle;

    /// <summary>Sizes of all dimensions, outermost first.</summary>
    public long[] Shape
    {
        get
        {
            var sizes = stackalloc long[MaxDims];
            Info(sizes, out var dims, out _, out _);
            if (dims > MaxDims)
                throw new NotSupportedException($"A tensor of {dims} dimensions; at most {MaxDims} are supported.");
            return new ReadOnlySpan<long>(sizes, dims).ToArray();
        }
    }

    /// <summary>Element type.</summary>
    public DType DType
    {
        get
        {
            Info(null, out _, out var type, out _);
            return type;
        }
    }

    /// <summary>Whether operations on this tensor are recorded for backward. Set on leaves of floating-point type only.</summary>
    public bool RequiresGrad
    {
        get
        {
            Info(null, out _, out _, out var flags);
            return (flags & 1) != 0;
        }
        set
        {
            Door.Check(Door.esp_tensor_set_requires_grad(Handle.DangerousGetHandle(), value ? 1 : 0));
            GC.KeepAlive(this);
        }
    }

    /// <summary>Where the tensor lives, for example <c>cpu</c> or <c>cuda:0</c>.</summary>
    public string Device
    {
        get
        {
            Door.Check(Door.esp_tensor_info(Handle.DangerousGetHandle(), null, 0, out _, out _, out var type, out var index,
                out _));
            GC.KeepAlive(this);
            return type == 0 ? "cpu" : $"cuda:{Math.Max(index, 0)}";
        }
    }

    /// <summary>Number of elements.</summary>
    public long Count
    {
        get
        {
            var count = 1L;
            foreach (var size in Shape) count *= size;
            return count;
        }
    }

    /// <summary>Size of one dimension; a negative index counts from the end.</summary>
    public long Size(int dim)
    {
        var shape = Shape;
        return shape[dim < 0 ? dim + shape.Length : dim];
    }

    /// <summary>The accumulated gradient of a leaf, or null. The caller's scope owns the returned handle.</summary>
    public Tensor? Grad
    {
        get
        {
            Door.Check(Door.esp_tensor_grad(Handle.DangerousGetHandle(), out var grad));
            GC.KeepAlive(this);
            return grad == 0 ? null : new Tensor(grad);
        }
        set
        {
            Door.Check(Door.esp_tensor_set_grad(Handle.DangerousGetHandle(), value?.Handle.DangerousGetHandle() ?? 0));
            GC.KeepAlive(value);
            GC.KeepAlive(this);
        }
    }

    /// <summary>Whether the elements lie one after the other in main memory.</summary>
    internal bool IsPlain
    {
        get
        {
            Info(null, out _, out _, out var flags);
            return (flags & 4) != 0 && Device == "cpu";
        }
    }

    /// <summary>Number of tensor handles this process holds: for leak tests.</summary>
    public static long LiveCount => Door.esp_live_tensors();

    /// <summary>
    /// Frees this handle now, instead of at the end of its scope. Later uses throw <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose()
    {
        Scope = null;
        _handle.Dispose();
    }

    /// <summary>Shape and element type on one line, as error messages show them.</summary>
    public string Describe() => _handle.IsClosed ? "disposed" : $"{DType}[{string.Join(", ", Shape)}]";

    public override string ToString() => Describe();

    private void Info(long* sizes, out int dims, out DType type, out int flags)
    {
        Door.Check(Door.esp_tensor_info(Handle.DangerousGetHandle(), sizes, sizes is null ? 0 : MaxDims, out dims, out var dtype,
            out _, out _, out flags));
        type = (DType)dtype;
        GC.KeepAlive(this);
    }
}
