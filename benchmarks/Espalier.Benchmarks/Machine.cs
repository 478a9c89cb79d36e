using System.Text.RegularExpressions;
using Espalier.Torch;

namespace Espalier.Benchmarks;

/// <summary>What the numbers were measured on, in words that hold nothing private.</summary>
internal static partial class Machine
{
    public static IReadOnlyList<(string Name, string Value)> Describe() =>
    [
        ("Processor", $"{Processor()}, {Environment.ProcessorCount} cores, {VectorUnits()}"),
        ("libtorch", $"{TorchRuntime.Version}, the same file for both sides"),
        ("BLAS", $"{Blas()}, kernels {Setting("OPENBLAS_CORETYPE", "chosen by OpenBLAS")}, for both sides"),
        ("OpenMP", $"wait policy {Setting("OMP_WAIT_POLICY", "default")}, spin count {Setting("GOMP_SPINCOUNT", "default")}, for both sides"),
        (".NET", Environment.Version.ToString()),
        ("Load of the machine before the run", File.ReadAllText("/proc/loadavg").Split(' ')[0]),
    ];

    /// <summary>Memory of this process that is, or at most was, resident.</summary>
    public static long ResidentBytes(bool peak)
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(peak ? "VmHWM" : "VmRSS", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1]);
    }

    private static string Setting(string name, string otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : otherwise;

    private static string Processor() => CpuInfo("model name");

    private static string VectorUnits()
    {
        var flags = CpuInfo("flags").Split(' ');
        return string.Join(", ", new[] { "avx2", "avx512f", "avx512_bf16", "amx_bf16" }.Where(flags.Contains));
    }

    private static string CpuInfo(string key) =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown";

    // The file that libtorch's own symbol resolution found, by its flavour's folder.
    private static string Blas()
    {
        using var scope = new TensorScope();
        Tensor.RandN([8, 8]).MatMul(Tensor.RandN([8, 8]));
        var library = File.ReadLines("/proc/self/maps").Select(l => BlasFile().Match(l)).FirstOrDefault(m => m.Success);
        return library is null ? "unknown" : $"OpenBLAS {library.Groups[2].Value} ({library.Groups[1].Value})";
    }

    [GeneratedRegex(@"openblas-(\w+)/libopenblas\w*-r([\d.]+)\.so")]
    private static partial Regex BlasFile();
}
