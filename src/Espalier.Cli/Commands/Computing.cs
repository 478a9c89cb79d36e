using Espalier.Cli.Options;
using Espalier.Compute;

namespace Espalier.Cli.Commands;

/// <summary>From the common options to what the library calls them.</summary>
internal static class Computing
{
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
