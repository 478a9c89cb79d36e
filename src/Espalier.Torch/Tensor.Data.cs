using Espalier.Torch.Native;

namespace Espalier.Torch;

public sealed unsafe partial class Tensor
{
    private static readonly Operator s_item = new("aten::item");
    private static readonly Operator s_toDtype = new("aten::to", "dtype");
    private static readonly Operator s_toDevice = new("aten::to", "device");
    private static readonly Operator s_pinMemory = new("aten::pin_memory");
    private static readonly Operator s_contiguous = new("aten::contiguous");
    private static readonly Operator s_zeros = new("aten::zeros");
    private static readonly Operator s_ones = new("aten::ones");
    private static readonly Operator s_full = new("aten::full");
    private static readonly Operator s_eye = new("aten::eye");
    private static readonly Operator s_arange = new("aten::arange");
    private static readonly Operator s_zerosLike = new("aten::zeros_like");
    private static readonly Operator s_randn = new("aten::randn", "generator");
    private static readonly Operator s_rand = new("aten::rand", "generator");

    /// <summary>Copies host values into a new tensor.</summary>
    /// <param name="values">Row-major values; as many as <paramref name="shape"/> holds.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="device">Target device.</param>
    public static Tensor From<T>(ReadOnlySpan<T> values, ReadOnlySpan<long> shape, string device = "cpu") where T : unmanaged =>
        FromBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values), DTypes.Of<T>(), shape, device);

    public static Tensor From<T>(T[] values, params ReadOnlySpan<long> shape) where T : unmanaged =>
        From((ReadOnlySpan<T>)values, shape.IsEmpty ? [values.Length] : shape);

    /// <summary>
    /// The same, without waiting until an accelerator has them: by way of memory the system does not move. On the processor an ordinary copy.
    /// </summary>
    public static Tensor FromAhead<T>(ReadOnlySpan<T> values, ReadOnlySpan<long> shape, string device) where T : unmanaged =>
        device == "cpu" ? From(values, shape) : s_pinMemory.Call(From(values, shape)).To(device, nonBlocking: true);

    /// <summary>Copies raw little-endian elements into a new tensor.</summary>
    public static Tensor FromBytes(ReadOnlySpan<byte> bytes, DType type, ReadOnlySpan<long> shape, string device = "cpu")
    {
        var count = 1L;
        foreach (var size in shape) count *= size;
        if (count * type.Size() != bytes.Length)
            throw new ArgumentException($"{bytes.Length} bytes cannot fill {type}[{string.Join(", ", shape.ToArray())}]");
        fixed (byte* data = bytes)
        fixed (long* sizes = shape)
        {
            Door.Check(Door.esp_tensor_new(data, sizes, shape.Length, (int)type, device, out var tensor));
            return new Tensor(tensor);
        }
    }

    /// <summary>Copies all values to the host, converted to <typeparamref name="T"/>'s element type.</summary>
    public T[] ToArray<T>() where T : unmanaged
    {
        using var scope = new TensorScope();
        var host = ToHost(DTypes.Of<T>());
        var values = new T[host.Count];
        host.Span<T>().CopyTo(values);
        return values;
    }

    /// <summary>Copies the raw elements to the host, in this tensor's own element type.</summary>
    public byte[] ToBytes()
    {
        using var scope = new TensorScope();
        var host = ToHost(DType);
        Door.Check(Door.esp_tensor_data(host.Handle.DangerousGetHandle(), out var data));
        var bytes = new ReadOnlySpan<byte>((void*)data, checked((int)(host.Count * host.DType.Size()))).ToArray();
        GC.KeepAlive(host);
        return bytes;
    }

    /// <summary>Direct view of a contiguous CPU tensor's memory; valid while the tensor lives.</summary>
    public Span<T> Span<T>() where T : unmanaged
    {
        if (DTypes.Of<T>() != DType) throw new InvalidOperationException($"{Describe()} is not a tensor of {typeof(T).Name}");
        Door.Check(Door.esp_tensor_data(Handle.DangerousGetHandle(), out var data));
        var span = new Span<T>((void*)data, checked((int)Count));
        GC.KeepAlive(this);
        return span;
    }

    /// <summary>The only element, as a double. On an accelerator this waits for it.</summary>
    public double Item() => s_item.CallNumber(this);

    /// <summary>Converts the element type; the same tensor when nothing changes.</summary>
    public Tensor To(DType type) => s_toDtype.Call(this, type);

    /// <summary>Moves to a device; the same tensor when it is already there.</summary>
    public Tensor To(string device, bool nonBlocking = false) => s_toDevice.Call(this, device, DType, nonBlocking);

    public Tensor Contiguous() => s_contiguous.Call(this);

    public static Tensor Zeros(ReadOnlySpan<long> shape, DType type = DType.Float32, string device = "cpu") =>
        s_zeros.Call(shape.ToArray(), type, Arg.None, device);

    public static Tensor Ones(ReadOnlySpan<long> shape, DType type = DType.Float32, string device = "cpu") =>
        s_ones.Call(shape.ToArray(), type, Arg.None, device);

    public static Tensor Full(ReadOnlySpan<long> shape, double value, DType type = DType.Float32, string device = "cpu") =>
        s_full.Call(shape.ToArray(), value, type, Arg.None, device);

    public static Tensor Eye(long n, DType type = DType.Float32, string device = "cpu") => s_eye.Call(n, type, Arg.None, device);

    public static Tensor Arange(long end, string device = "cpu") => s_arange.Call(end, DType.Int64, Arg.None, device);

    public static Tensor ZerosLike(Tensor other) => s_zerosLike.Call(other);

    /// <summary>Standard normal values on the generator's device; without one on the processor, from the process-wide one.</summary>
    public static Tensor RandN(ReadOnlySpan<long> shape, Generator? generator = null) =>
        s_randn.Call(shape.ToArray(), generator, DType.Float32, Arg.None, generator?.Device ?? "cpu");

    /// <summary>Uniform values in [0, 1) on the generator's device; without one on the processor, from the process-wide one.</summary>
    public static Tensor Rand(ReadOnlySpan<long> shape, Generator? generator = null) =>
        s_rand.Call(shape.ToArray(), generator, DType.Float32, Arg.None, generator?.Device ?? "cpu");

    private Tensor ToHost(DType type) => Detach().To("cpu").To(type).Contiguous();
}
