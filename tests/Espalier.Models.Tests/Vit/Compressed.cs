using Espalier.Models.Vit;

namespace Espalier.Models.Tests.Vit;

/// <summary>The tiny test net with one block of every kind.</summary>
internal static class Compressed
{
    public static VitArchitecture Net { get; } = Make();

    private static VitArchitecture Make()
    {
        var dense = VitRegistry.Find("tiny-test-vit")!.Architecture;
        return dense with
        {
            Blocks =
            [
                dense.Blocks[0],
                new VitBlock { MlpHidden = 100, NormEps = 1e-5 },
                new VitBlock { Heads = 3, QkDim = 8, VDim = 12, AttentionScale = 0.25 },
                new VitBlock { IsLinear = true },
                new VitBlock(),
                dense.Blocks[5] with { MlpHidden = 7 },
            ],
        };
    }
}
