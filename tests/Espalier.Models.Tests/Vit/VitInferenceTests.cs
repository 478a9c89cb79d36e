using System.Collections.Immutable;
using Espalier.Models.Vit;

namespace Espalier.Models.Tests.Vit;

public class VitInferenceTests
{
    [Fact]
    public void Every_known_network_is_recognised_by_its_shapes_and_name()
    {
        foreach (var net in VitRegistry.Names.Select(n => VitRegistry.Find(n)!.Architecture))
        {
            var inferred = VitInference.Infer(Shapes(net), new VitHints(net.Name), "file");
            ShouldBeSame(inferred.Architecture, net);
            inferred.HeadCountSource.ShouldBe($"the timm name {net.Name}");
        }
    }

    [Fact]
    public void Lost_branches_and_narrower_mlps_are_recognised()
    {
        var net = Compressed.Net;
        net = net with { Blocks = net.Blocks.SetItem(1, new VitBlock { MlpHidden = 100 }).SetItem(2, net.Blocks[0] with { MlpHidden = 0 }) };
        ShouldBeSame(VitInference.Infer(Shapes(net), new VitHints(net.Name), "file").Architecture, net);
    }

    [Fact]
    public void The_head_count_says_what_it_rests_on()
    {
        var shapes = Shapes(VitRegistry.Find("vit_tiny_patch16_224")!.Architecture);
        var assumed = VitInference.Infer(shapes, new VitHints(), "file");
        assumed.HeadCountSource.ShouldBe("an assumed head width of 64");
        assumed.Architecture.Blocks[0].Heads.ShouldBe(3);
        var stated = VitInference.Infer(shapes, new VitHints(Heads: 4, LayerNormEps: 1e-12), "file");
        (stated.HeadCountSource, stated.Architecture.Blocks[0].Heads, stated.Architecture.LayerNormEps).ShouldBe(("config.json", 4, 1e-12));
        Should.Throw<InputException>(() => VitInference.Infer(shapes, new VitHints(Heads: 5), "file")).Message
            .ShouldBe("file: config.json states 5 attention heads, which do not divide the width 192.");
    }

    [Fact]
    public void A_narrowed_attention_is_refused_without_its_config() =>
        Should.Throw<InputException>(() => VitInference.Infer(Shapes(Compressed.Net), new VitHints("tiny-test-vit"), "file"))
            .Message.ShouldContain("blocks.2.attn.qkv.weight has 84 rows where 192 were expected");

    [Theory]
    [InlineData("vit.embeddings.patch_embeddings.projection.weight", "Hugging Face tensor names")]
    [InlineData("conv1.weight", "has no tensor patch_embed.proj.weight")]
    public void Other_networks_are_refused(string tensor, string message) =>
        Should.Throw<InputException>(() => VitInference.Infer(new Dictionary<string, ImmutableArray<long>> { [tensor] = [1] }, new VitHints(), "file"))
            .Message.ShouldContain(message);

    private static Dictionary<string, ImmutableArray<long>> Shapes(VitArchitecture net) =>
        VitTensors.Expected(net).ToDictionary(t => t.Name, t => t.Shape);

    private static void ShouldBeSame(VitArchitecture actual, VitArchitecture expected)
    {
        (actual with { Blocks = expected.Blocks }).ShouldBe(expected);
        actual.Blocks.ShouldBe(expected.Blocks);
    }
}
