using Espalier.Models;
using Espalier.Models.Vit;

namespace Espalier.Testing;

/// <summary>Small networks of every kind in the family, the original ViT aside: plain ones, and Swin.</summary>
internal static class FamilyNets
{
    private static readonly VitArchitecture s_base = VitArchitecture.Uniform("family", imageSize: 12, patchSize: 4, channels: 3, embedDim: 12, depth: 2,
        heads: 2, classes: 5, mlpHidden: 20);

    private static readonly VitArchitecture s_average = s_base with { ClassToken = false, Pool = Pooling.Average };

    public static IReadOnlyList<(string Name, VitArchitecture Net)> Swins { get; } =
    [
        ("swin", Swin(image: 32, window: 4, depths: [2, 2])),
        ("swin whose grid is padded", Swin(image: 28, window: 3, depths: [2, 1, 2])),
        ("swin whose window covers the grid", Swin(image: 20, window: 7, depths: [2, 2])),
        ("swin with layer scale and no q/k/v bias", Swin(image: 24, window: 3, depths: [2, 2]).WithBlocks(b => b with { LayerScale = true, QkvBias = false })),
        ("swin with q/k norms and no head", (Swin(image: 24, window: 4, depths: [1, 2]) with { Classes = 0, PatchBias = false }).WithBlocks(b => b with { QkNorm = true })),
    ];

    public static IReadOnlyList<(string Name, VitArchitecture Net)> All { get; } =
    [
        .. Swins,
        ("distilled", s_base with { DistToken = true, DistHead = true }),
        ("distillation token without a head", s_base with { DistToken = true }),
        ("layer scale", s_base.WithBlocks(b => b with { LayerScale = true })),
        ("q/k norms", s_base.WithBlocks(b => b with { QkNorm = true })),
        ("no q/k/v bias", s_base.WithBlocks(b => b with { QkvBias = false })),
        ("gated MLPs", s_base.WithBlocks(b => b with { GatedMlp = true, MlpHidden = 14 })),
        ("mean of patches beside a class token", s_base with { Pool = Pooling.Average }),
        ("norm after the pooling", s_base with { Pool = Pooling.Average, FcNorm = true }),
        ("no class token", s_average),
        ("no class token, norm after the pooling", s_average with { FcNorm = true }),
        ("norm before the blocks, no patch bias", s_base with { PreNorm = true, PatchBias = false, LayerNormEps = 1e-5 }),
        ("positions of patches only", (s_base with { EmbedPrefix = false }).WithBlocks(b => b with { LayerScale = true })),
        ("registers", s_base with { RegTokens = 4, EmbedPrefix = false }),
        ("registers with positions", s_base with { RegTokens = 4 }),
        ("registers alone", s_average with { RegTokens = 3, EmbedPrefix = false, FcNorm = true }),
        ("no head", s_base with { Classes = 0 }),
        ("all at once", (s_base with { DistToken = true, DistHead = true, RegTokens = 2, EmbedPrefix = false, PreNorm = true, PatchBias = false })
            .WithBlocks(b => b with { LayerScale = true, QkNorm = true, QkvBias = false, GatedMlp = true })),
    ];

    private static VitArchitecture Swin(int image, int window, int[] depths) =>
        VitArchitecture.Swin("family", image, patchSize: 4, channels: 3, embedDim: 12, depths, headDim: 6, window, classes: 5);

    /// <summary>Any combination that makes sense, of random depth and widths.</summary>
    public static VitArchitecture Random(SeededRandom random)
    {
        var net = TestNets.Net(random);
        if (random.NextBool()) net = TestNets.Narrowed(net, random);
        var average = random.NextBool();
        var cls = !average || random.NextBool();
        var dist = cls && !average && random.NextBool();
        net = net with
        {
            ClassToken = cls,
            Pool = average ? Pooling.Average : Pooling.Token,
            FcNorm = average && random.NextBool(),
            DistToken = dist,
            DistHead = dist && random.NextBool(),
            RegTokens = random.NextInt(0, 3),
            EmbedPrefix = random.NextBool(),
            PreNorm = random.NextBool(),
            PatchBias = random.NextBool(),
        };
        if (!net.DistHead && random.NextInt(4) == 0) net = net with { Classes = 0 };
        var (scale, norm, bias) = (random.NextBool(), random.NextBool(), random.NextBool());
        var gated = random.NextBool();
        return net.WithBlocks(b => b with { LayerScale = scale, QkNorm = norm, QkvBias = bias, GatedMlp = gated });
    }
}
