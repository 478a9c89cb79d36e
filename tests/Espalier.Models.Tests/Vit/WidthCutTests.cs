using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

public class WidthCutTests : TorchTest
{
    private static readonly VitArchitecture s_net = TestNets.TinyNet with
    {
        Blocks =
        [
            TestNets.TinyNet.Blocks[0], new VitBlock { MlpHidden = 20, MixerRank = 2 }, new VitBlock { MlpHidden = 12, MixerRank = 0 },
            new VitBlock { IsLinear = true }, new VitBlock(), new VitBlock { Heads = 2, QkDim = 6, VDim = 6 },
        ],
    };

    [Fact]
    public void Every_tensor_of_every_kind_of_block_follows_the_width()
    {
        using var model = TestNets.Model(s_net, 1);
        using var narrow = model.KeepEmbedding([.. Enumerable.Range(0, 40)]);
        narrow.Architecture.EmbedDim.ShouldBe(40);
        foreach (var (name, shape) in VitTensors.Expected(narrow.Architecture)) narrow.Weights[name].Shape.ShouldBe([.. shape], name);
        narrow.Weights.Keys.ShouldBe(model.Weights.Keys);
        narrow.Answer(TestNets.Pixels(s_net, 2, 3)).AllFinite().ShouldBeTrue();
        model.Weights["norm.weight"].Shape.ShouldBe([64]);
    }

    [Fact]
    public void All_channels_kept_is_the_same_model()
    {
        using var model = TestNets.Model(s_net, 1);
        using var same = model.KeepEmbedding([.. Enumerable.Range(0, 64)]);
        same.Weights.Differences(model.Weights).ShouldBeEmpty();
        using var alike = model.KeepHeadChannels(0, 4, [.. Enumerable.Range(0, 64)]);
        alike.Weights.Differences(model.Weights).ShouldBeEmpty();
        alike.Architecture.Blocks[0].ShouldBe(model.Architecture.Blocks[0]);
    }

    [Fact]
    public void Heads_keep_channels_of_their_own_and_the_scale_stays()
    {
        using var model = TestNets.Model(s_net, 1);
        using var cut = model.KeepHeadChannels(0, 2, [1, 5, 40, 47]);
        var block = cut.Architecture.Blocks[0];
        (block.Heads, block.QkDim, block.VDim, block.AttentionScale).ShouldBe((2, 2, 2, 0.25));
        var bias = model.Weights["blocks.0.attn.qkv.bias"].ToArray<float>();
        int[] rows = [1, 5, 40, 47, 65, 69, 104, 111, 129, 133, 168, 175];
        cut.Weights["blocks.0.attn.qkv.bias"].ToArray<float>().ShouldBe(rows.Select(r => bias[r]));
        cut.Weights["blocks.0.attn.proj.weight"].Shape.ShouldBe([64, 4]);
        cut.Weights["blocks.5.attn.qkv.weight"].BitEquals(model.Weights["blocks.5.attn.qkv.weight"]).ShouldBeTrue();
    }

    [Theory]
    [InlineData(2, new[] { 1, 5, 7 }, "3 channels of 2 heads")]
    [InlineData(2, new[] { 1, 5, 7, 20 }, "must keep 2 channels; channel 20 is one too many")]
    [InlineData(1, new[] { 5, 1 }, "Head channels must be distinct, ascending and in [0, 64); got 1 at position 1")]
    [InlineData(1, new[] { 64 }, "got 64 at position 0")]
    public void Uneven_heads_and_wrong_units_are_refused(int heads, int[] units, string message)
    {
        using var model = TestNets.Model(s_net, 1);
        Should.Throw<ArgumentException>(() => model.KeepHeadChannels(0, heads, units)).Message.ShouldContain(message);
        Should.Throw<ArgumentException>(() => model.KeepEmbedding([])).Message.ShouldContain("at least one");
    }

    [Fact]
    public void A_stage_of_a_swin_is_narrowed_with_the_patch_merging_on_both_sides()
    {
        var net = FamilyNets.Swins[0].Net;
        using var model = TestNets.Model(net, 3);
        using var noGrad = new NoGrad();
        foreach (var first in net.Stages)
        {
            var before = net.WidthOf(first);
            int[] kept = [.. Enumerable.Range(0, before).Where(c => c % 3 != 1)];
            using var cut = model.KeepEmbedding(kept, first);
            foreach (var (name, shape) in cut.Architecture.Tensors()) cut.Weights[name].Shape.ShouldBe([.. shape], name);
            cut.Logits(Tensor.Zeros([1, net.Channels, net.ImageSize, net.ImageSize])).Sum().Item().ShouldNotBe(double.NaN);
            var next = net.Stages.FirstOrDefault(stage => stage > first);
            if (next == 0) continue;
            // Four neighbours side by side: what is kept of a channel is kept of each.
            var (all, left) = (model.Weights[$"blocks.{next}.downsample.norm.weight"].ToArray<float>(), cut.Weights[$"blocks.{next}.downsample.norm.weight"].ToArray<float>());
            left.ShouldBe([.. Enumerable.Range(0, 4).SelectMany(k => kept.Select(c => all[k * before + c]))]);
        }
    }
}
