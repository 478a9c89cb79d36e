using Espalier.Models.Vit;

namespace Espalier.Models.Tests.Vit;

/// <summary>The tiny test net with blocks compressed in many ways.</summary>
internal static class Compressed
{
    private static readonly VitArchitecture s_dense = VitRegistry.Find("tiny-test-vit")!.Architecture;

    /// <summary>One block of every kind.</summary>
    public static VitArchitecture Net { get; } = s_dense with
    {
        Blocks =
        [
            s_dense.Blocks[0],
            new VitBlock { MlpHidden = 100, NormEps = 1e-5 },
            new VitBlock { Heads = 3, QkDim = 8, VDim = 12, AttentionScale = 0.25 },
            new VitBlock { IsLinear = true },
            new VitBlock(),
            s_dense.Blocks[5] with { MlpHidden = 7 },
        ],
    };

    /// <summary>Token mixers with and without matrices; attention whose widths and scale follow from nothing else.</summary>
    public static VitArchitecture Mixed { get; } = s_dense with
    {
        Blocks =
        [
            new VitBlock { Heads = 2, QkDim = 5, VDim = 7, MlpHidden = 31, AttentionScale = 0.3 },
            new VitBlock { MlpHidden = 40, MixerRank = 3, NormEps = 1e-4 },
            new VitBlock { MlpHidden = 11, MixerRank = 0 },
            new VitBlock(),
            new VitBlock { IsLinear = true },
            new VitBlock { Heads = 2, QkDim = 5, VDim = 7, AttentionScale = 0.7 },
        ],
    };
}
