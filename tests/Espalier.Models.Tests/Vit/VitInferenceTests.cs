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
            inferred.HeadCountSource.ShouldBe(net.Staged ? "the relative position biases" : $"the timm name {net.Name}");
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
    public void Token_mixers_are_recognised()
    {
        var net = VitRegistry.Find("tiny-test-vit")!.Architecture;
        net = net with { Blocks = net.Blocks.SetItem(1, Compressed.Mixed.Blocks[1] with { NormEps = null }).SetItem(2, Compressed.Mixed.Blocks[2]) };
        ShouldBeSame(VitInference.Infer(Shapes(net), new VitHints(net.Name), "file").Architecture, net);
    }

    [Theory]
    [InlineData(BlockKind.Full, "mixer.bias")]
    [InlineData(BlockKind.Full, "mixer.down.weight")]
    [InlineData(BlockKind.Linear, "mixer.bias")]
    [InlineData(BlockKind.Dropped, "mixer.bias")]
    [InlineData(BlockKind.AttnOnly, "mixer.bias")]
    public void A_mixer_where_none_may_stand_is_refused(BlockKind kind, string tensor)
    {
        var net = VitRegistry.Find("tiny-test-vit")!.Architecture;
        var block = new[] { net.Blocks[0], net.Blocks[0] with { MlpHidden = 0 }, new() { IsLinear = true }, new() }.Single(b => b.Kind == kind);
        var shapes = Shapes(net with { Blocks = net.Blocks.SetItem(2, block) });
        shapes["blocks.2." + tensor] = [3, net.EmbedDim];
        Should.Throw<InputException>(() => VitInference.Infer(shapes, new VitHints(net.Name), "file")).Message.ShouldBe(
            $"file: blocks.2.mixer.* is a token mixer, which needs a block whose attention is gone and whose MLP is not; this one is {kind.JsonName()}.");
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
    public void Huge_networks_have_heads_of_80_and_norms_tell_the_width_of_a_head()
    {
        var huge = VitInference.Infer(Shapes(VitRegistry.Find("vit_huge_patch14_224")!.Architecture), new VitHints(), "file");
        (huge.HeadCountSource, huge.Architecture.Blocks[0].Heads).ShouldBe(("an assumed head width of 80", 16));
        var net = VitRegistry.Find("vit_base_patch16_224")!.Architecture.WithBlocks(b => b with { Heads = 16, QkDim = 48, VDim = 48, QkNorm = true });
        var normed = VitInference.Infer(Shapes(net), new VitHints(), "file");
        (normed.HeadCountSource, normed.Architecture.Blocks[0].Heads).ShouldBe(("the width of its q/k norms", 16));
    }

    [Theory]
    [InlineData("head.weight", 10, 128, "class token and mean of the patches side by side")]
    [InlineData("pos_embed", 1, 20, "pos_embed has 20 positions, which is not a square grid, with or without 1 for other tokens")]
    public void What_shapes_alone_betray_is_refused(string tensor, long rows, long columns, string because)
    {
        var shapes = Shapes(VitRegistry.Find("tiny-test-vit")!.Architecture);
        shapes[tensor] = shapes[tensor].Length == 3 ? [rows, columns, 64] : [rows, columns];
        Should.Throw<InputException>(() => VitInference.Infer(shapes, new VitHints("tiny-test-vit"), "file")).Message.ShouldContain(because);
    }

    [Fact]
    public void Gated_mlps_are_known_by_two_rows_of_fc1_for_each_input_of_fc2()
    {
        var giant = VitRegistry.Find("vit_giant_patch14_reg4_dinov2")!.Architecture;
        var found = VitInference.Infer(Shapes(giant), new VitHints(), "file").Architecture;
        found.Blocks.ShouldBe(giant.Blocks);
        (found.Blocks[0].GatedMlp, found.Blocks[0].MlpHidden, found.RegTokens).ShouldBe((true, 4096, 4));
    }

    [Fact]
    public void A_narrowed_attention_is_refused_without_its_config() =>
        Should.Throw<InputException>(() => VitInference.Infer(Shapes(Compressed.Net), new VitHints("tiny-test-vit"), "file"))
            .Message.ShouldContain("blocks.2.attn.qkv.weight has 84 rows where 192 were expected");

    [Theory]
    [InlineData("conv1.weight", "has no tensor patch_embed.proj.weight; this version reads Vision Transformers")]
    public void Other_networks_are_refused(string tensor, string message) =>
        Should.Throw<InputException>(() => VitInference.Infer(new Dictionary<string, ImmutableArray<long>> { [tensor] = [1] }, new VitHints(), "file"))
            .Message.ShouldContain(message);

    private static Dictionary<string, ImmutableArray<long>> Shapes(VitArchitecture net) =>
        VitTensors.Expected(net).ToDictionary(t => net.FileName(t.Name), t => t.Shape);

    private static void ShouldBeSame(VitArchitecture actual, VitArchitecture expected)
    {
        (actual with { Blocks = expected.Blocks }).ShouldBe(expected);
        actual.Blocks.ShouldBe(expected.Blocks);
    }
}
