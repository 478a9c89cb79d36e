using System.Runtime.InteropServices;

namespace Espalier.Torch.Native;

/// <summary>
/// The C functions of <c>native/door.cpp</c> and <c>native/settings.cpp</c>. Everything above uses <see cref="Operator"/> and <see cref="Tensor"/>.
/// </summary>
internal static unsafe partial class Door
{
    private const string Library = "espalier_torch";

    // The loader reports a missing or foreign library itself: an exception from here would arrive wrapped in another.
    static Door() => NativeLibrary.SetDllImportResolver(typeof(Door).Assembly, DoorLoader.Resolve);

    [LibraryImport(Library)] private static partial byte* esp_error();
    [LibraryImport(Library)] private static partial byte* esp_torch_version();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int esp_operator(string name, string overload, out nint op);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int esp_has_operator(string name, string overload, out int found);

    [LibraryImport(Library)]
    internal static partial int esp_call(nint op, NativeValue* args, int count, NativeValue* results, int capacity,
        out int resultCount);

    [LibraryImport(Library)] internal static partial int esp_pending(NativeValue* results, int count);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int esp_tensor_new(void* data, long* sizes, int ndim, int dtype, string device, out nint tensor);

    [LibraryImport(Library)] internal static partial void esp_tensor_free(nint tensor);

    [LibraryImport(Library)]
    internal static partial int esp_tensor_info(nint tensor, long* sizes, int capacity, out int ndim, out int dtype,
        out int deviceType, out int deviceIndex, out int flags);

    [LibraryImport(Library)] internal static partial int esp_tensor_data(nint tensor, out nint data);
    [LibraryImport(Library)] internal static partial int esp_tensor_set_requires_grad(nint tensor, int value);
    [LibraryImport(Library)] internal static partial int esp_tensor_grad(nint tensor, out nint grad);
    [LibraryImport(Library)] internal static partial int esp_tensor_set_grad(nint tensor, nint grad);
    [LibraryImport(Library)] internal static partial long esp_live_tensors();

    [LibraryImport(Library)]
    internal static partial int esp_backward(nint* outputs, int count, nint* gradients, int retain, int create);

    [LibraryImport(Library)]
    internal static partial int esp_grad(nint* outputs, int count, nint* gradients, nint* inputs, int inputCount,
        int retain, int create, nint* results);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int esp_generator_new(ulong seed, string device, out nint generator);

    [LibraryImport(Library)] internal static partial void esp_generator_free(nint generator);

    [LibraryImport(Library)] internal static partial int esp_set_grad_mode(int enabled);
    [LibraryImport(Library)] internal static partial int esp_set_autocast(int cuda, int enabled, int dtype, out int before);
    [LibraryImport(Library)] internal static partial void esp_clear_autocast_cache();

    [LibraryImport(Library)] internal static partial void esp_trim();
    [LibraryImport(Library)] internal static partial int esp_set_threads(int threads);
    [LibraryImport(Library)] internal static partial int esp_threads();
    [LibraryImport(Library)] internal static partial int esp_seed(ulong seed);
    [LibraryImport(Library)] internal static partial int esp_cuda_devices();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int esp_synchronize(string device);

    internal static string TorchVersion => Marshal.PtrToStringUTF8((nint)esp_torch_version())!;

    /// <summary>Throws the text libtorch left on this thread when <paramref name="code"/> is not 0.</summary>
    internal static void Check(int code, string? doing = null)
    {
        if (code != 0) throw Failure(code, (nint)esp_error(), doing);
    }

    /// <summary>What a code other than 0 means, with the text that was left for it.</summary>
    internal static TorchException Failure(int code, nint error, string? doing)
    {
        var line = (Marshal.PtrToStringUTF8(error) ?? "").Split('\n', 2)[0].Trim();
        var message = doing is null ? line : $"{doing}: {line}";
        return code == 2 ? new TorchOutOfMemoryException(message) : new TorchException(message);
    }
}
