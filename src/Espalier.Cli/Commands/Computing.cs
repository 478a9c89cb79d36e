using Espalier.Cli.Options;
using Espalier.Compute;
using Espalier.Runs;

namespace Espalier.Cli.Commands;

/// <summary>From the common options to what the library calls them.</summary>
internal static class Computing
{
    /// <summary>Together with the other processes of the command, where there are some.</summary>
    public static ComputeOptions Of(CommandContext context)
    {
        var compute = Of(context.Common) with { Group = context.Group };
        if (compute is { Precision: Precision.Bf16, EvaluatesInBf16: false })
            context.Progress.Report(ProgressUpdate.Message("precision", "this processor has no bf16 products (they need AVX-512); computing in fp32"));
        return compute;
    }

    public static ComputeOptions Of(CommonSettings common) => new()
    {
        Device = common.Device,
        Threads = common.Threads,
        Precision = common.Precision switch
        {
            "fp32" => Precision.Fp32,
            "bf16" => Precision.Bf16,
            _ => Precision.Auto,
        },
    };
}
