using System.Runtime.Intrinsics.X86;
using Espalier.Torch.Native;

namespace Espalier.Torch;

/// <summary>Settings of the loaded libtorch. The first use of any member loads it (about half a second).</summary>
public static class TorchRuntime
{
    /// <summary>Version of the libtorch in use, e.g. 1.13.1.</summary>
    public static string Version => Door.TorchVersion;

    /// <summary>
    /// Threads of one operation. libtorch remembers the number per thread: set it before any other thread computes, and again at
    /// the start of each thread that does.
    /// </summary>
    public static int Threads
    {
        get => Door.esp_threads();
        set => Door.Check(Door.esp_set_threads(value), $"threads = {value}");
    }

    /// <summary>Number of usable CUDA devices; 0 in a CPU build.</summary>
    public static int CudaDevices => Door.esp_cuda_devices();

    /// <summary>
    /// Whether libtorch has products of bf16 matrices for this processor: from AVX-512 on. Elsewhere it multiplies number by number, tens of times slower
    /// than in fp32, and rounds some sums to bf16 on the way.
    /// </summary>
    public static bool HasBf16 { get; } = Avx512BW.VL.IsSupported && Avx512DQ.VL.IsSupported;

    /// <summary>
    /// Seeds libtorch's process-wide generators on all devices. They are the program's own: a library above this one draws from a
    /// <see cref="Generator"/> that it makes.
    /// </summary>
    public static void Seed(ulong seed) => Door.Check(Door.esp_seed(seed));

    /// <summary>Gives freed memory back to the system.</summary>
    public static void Trim() => Door.esp_trim();

    /// <summary>Waits until all work queued on a device is done.</summary>
    public static void Synchronize(string device) => Door.Check(Door.esp_synchronize(device));
}
