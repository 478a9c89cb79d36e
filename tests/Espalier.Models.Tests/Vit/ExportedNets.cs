using Espalier.Models.Formats.Onnx;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>Small networks of every structure that leaves the house: as ONNX, and by the Python loader.</summary>
internal static class ExportedNets
{
    /// <summary>The one network in which no patch reaches the class token.</summary>
    public const string NoBlockLeft = "no block left";

    private static readonly VitArchitecture s_dense = TestNets.TinyNet;

    private static readonly VitBlock s_cut = new() { Heads = 4, QkDim = 9, VDim = 11, MlpHidden = 170, AttentionScale = 0.25 };

    private static readonly Dictionary<string, VitArchitecture> s_all = new()
    {
        ["dense"] = s_dense,
        ["dc-vit"] = s_dense with { Blocks = s_dense.Blocks.SetItem(1, new VitBlock { MlpHidden = 100 }).SetItem(4, new VitBlock { MlpHidden = 256 }) },
        ["repaired"] = s_dense with { Blocks = [s_cut, s_dense.Blocks[1], s_cut with { Heads = 3, MlpHidden = 1 }, s_cut with { QkDim = 1, VDim = 16 }] },
        ["mixer"] = Compressed.Mixed,
        ["linear and every other kind"] = Compressed.Net,
        ["narrowed embedding"] = s_dense with { EmbedDim = 44, Blocks = [s_dense.Blocks[0], s_cut, new VitBlock { MlpHidden = 20, MixerRank = 2 }] },
        ["grey, patch 7, other epsilon"] = VitArchitecture.Uniform("grey", 28, 7, 1, 24, 2, 3, 4) with { LayerNormEps = 1e-2 },
        ["swin, dc-vit"] = Swin(b => b.Emptied() with { MlpHidden = 10 }),
        ["swin, repaired"] = Swin(b => b with { Heads = 3, QkDim = 4, VDim = 5, MlpHidden = 20, AttentionScale = 0.4 }),
        ["swin, stages narrowed"] = FamilyNets.Swins[0].Net.WithWidth(0, 10).WithWidth(2, 15),
        ["swin, dropped and linear"] = Swin(b => b.Emptied() with { IsLinear = b.DownsampleDim > 0 }),
        ["swin, attention only"] = Swin(b => b with { MlpHidden = 0 }),
        ["merged tokens"] = TokenMergingTests.With(s_dense, (1, 5), (2, 3), (4, 4)),
        ["merged tokens, all sources"] = TokenMergingTests.With(s_dense, (0, 8)),
        ["merged tokens, registers"] = TokenMergingTests.With(s_dense with { DistToken = true, DistHead = true, RegTokens = 1 }, (1, 7), (3, 2)),
        [NoBlockLeft] = s_dense with { Blocks = [new VitBlock(), new VitBlock()] },
    };

    // One block changed in every stage, the first of the second among them: patch merging stands before it and stays.
    private static VitArchitecture Swin(Func<VitBlock, VitBlock> change)
    {
        var net = FamilyNets.Swins[0].Net;
        return net with { Blocks = [.. net.Blocks.Select((b, i) => i is 1 or 2 ? change(b) : b)] };
    }

    public static IEnumerable<string> Names => s_all.Keys.Concat(FamilyNets.All.Select(m => m.Name));

    /// <summary>Every network in every operator set.</summary>
    public static TheoryData<string, int> InEveryOpset
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (var name in Names)
                foreach (var opset in OnnxOptions.Opsets) data.Add(name, opset);
            return data;
        }
    }

    /// <summary>A network with weights that all matter.</summary>
    public static VitModel Model(string name) => TestNets.Model(s_all.GetValueOrDefault(name) ?? FamilyNets.All.Single(m => m.Name == name).Net, 5);

    /// <summary>The logits agree to the share of the largest that an export may differ by.</summary>
    public static void ShouldAgree(Tensor actual, Tensor expected, string what)
    {
        actual.Shape.ShouldBe(expected.Shape, what);
        (actual - expected).Abs().Max().Item().ShouldBeLessThanOrEqualTo(1e-4 * expected.Abs().Max().Item(), what);
    }
}
