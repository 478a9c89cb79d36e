using System.Runtime.Intrinsics.X86;
using Espalier.Models.Data;
using Espalier.Torch;
using Espalier.Torch.Distributed;

namespace Espalier.Compute;

/// <summary>What the user asked of the arithmetic.</summary>
public enum Precision
{
    /// <summary>bf16 for training where the processor multiplies it faster than fp32, else fp32; evaluation is always fp32.</summary>
    Auto,
    Fp32,
    /// <summary>bf16 for training and evaluation; on a processor that has no such products (<see cref="TorchRuntime.HasBf16"/>) still fp32.</summary>
    Bf16,
}

/// <summary>Where and how to compute.</summary>
public sealed record ComputeOptions
{
    /// <summary><c>cpu</c>, <c>cuda</c> or <c>cuda:i</c>.</summary>
    public string Device { get; init; } = "cpu";

    public Precision Precision { get; init; } = Precision.Auto;

    /// <summary>Threads of one operation; null means one per processor, divided among the processes on this machine.</summary>
    public int? Threads { get; init; }

    /// <summary>Processes that work together; null: this one alone.</summary>
    public ProcessGroup? Group { get; init; }

    /// <summary>The part of each batch that falls to this process.</summary>
    public BatchShare Share => Group is { } group ? new(group.Rank, group.Size) : default;

    /// <summary>The number of threads that is used.</summary>
    public int ThreadCount => Threads ?? Math.Max(1, Environment.ProcessorCount / (Group?.LocalSize ?? 1));

    /// <summary>Whether training multiplies matrices in bf16.</summary>
    public bool TrainsInBf16 => EvaluatesInBf16 || (Precision == Precision.Auto && (Device != "cpu" || HasFastBf16));

    /// <summary>Whether evaluation does: only when asked, so that accuracies do not depend on the machine.</summary>
    public bool EvaluatesInBf16 => Precision == Precision.Bf16 && (Device != "cpu" || TorchRuntime.HasBf16);

    /// <summary>A training reads its loss every so many steps: reading waits for an accelerator.</summary>
    public int ReadLossEvery => Device == "cpu" ? 1 : 20;

    /// <summary>Readable name of the arithmetic in use for training.</summary>
    public string PrecisionName => TrainsInBf16 ? "bf16" : "fp32";

    /// <summary>AVX512_BF16 (leaf 7.1, EAX bit 5) or AMX-BF16 (leaf 7.0, EDX bit 22).</summary>
    public static bool HasFastBf16 { get; } = X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7
        && ((X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0 || (X86Base.CpuId(7, 0).Edx & (1 << 22)) != 0);

    /// <summary>Sets the thread count of the calling thread and checks that the device is there. Call once before computing.</summary>
    /// <exception cref="UsageException">The device is not available in this libtorch.</exception>
    public void Apply()
    {
        TorchRuntime.Threads = ThreadCount;
        if (Device == "cpu") return;
        var index = Device.Contains(':') ? int.Parse(Device.AsSpan(Device.IndexOf(':') + 1)) : 0;
        var devices = TorchRuntime.CudaDevices;
        if (index >= devices)
            throw new UsageException($"{Device}: this libtorch ({TorchRuntime.Version}) sees {devices} CUDA devices; " +
                "use the device cpu, or point ESPALIER_TORCH at a CUDA build.") { Settings = [nameof(Device)] };
    }
}
