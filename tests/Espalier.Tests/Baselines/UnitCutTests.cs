using Espalier.Baselines;
using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.Tests.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Baselines;

public class UnitCutTests : TorchTest
{
    private static readonly VitArchitecture s_net = VitArchitecture.Uniform("hand", 4, patchSize: 4, channels: 1, embedDim: 4, depth: 1, heads: 2, classes: 2, mlpHidden: 3);

    [Fact]
    public void A_hidden_units_magnitude_is_all_its_weights_and_its_bias()
    {
        using var model = Hand();
        Set(model, "mlp.fc1.weight", [1, 0, 0, 2,   0, 0, 0, 0,   1, 1, 1, 1]);
        Set(model, "mlp.fc1.bias", [0, 3, 1]);
        Set(model, "mlp.fc2.weight", [1, 0, 0,   0, 2, 0,   0, 0, 0,   1, 0, 0]);
        // 1 + 4 + 0 + (1 + 1); 0 + 9 + 4; 4 + 1 + 0.
        UnitCut.HiddenScores(model, 0).ShouldBe([7, 13, 5]);
        using var cut = new UnitCut(UnitRule.Magnitude, seed: 0).Apply(model, Net(b => b with { MlpHidden = 2 }));
        cut.Weights["blocks.0.mlp.fc1.bias"].ToArray<float>().ShouldBe([0, 3]);
        cut.Weights["blocks.0.mlp.fc2.weight"].ToArray<float>().ShouldBe([1, 0, 0, 2, 0, 0, 1, 0]);
    }

    [Fact]
    public void Heads_keep_the_same_number_each_chosen_by_what_goes_in_and_out()
    {
        using var model = Hand();
        // Rows q0 q1 | q2 q3 | k0 k1 | k2 k3 | v0 v1 | v2 v3, each all of one value; two heads of two dimensions.
        int[] rows = [1, 2, 0, 1, 3, 0, 2, 0, 0, 1, 5, 2];
        Set(model, "attn.qkv.weight", [.. rows.SelectMany(r => Enumerable.Repeat((float)r, 4))]);
        Set(model, "attn.qkv.bias", [0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        Set(model, "attn.proj.weight", [3, 0, 0, 0,   0, 0, 0, 0,   0, 0, 0, 9,   0, 0, 0, 0]);
        var (queryKey, value) = UnitCut.HeadScores(model, 0);
        queryKey.ShouldBe([4 * 1 + 4 * 9, 4 * 4 + 16 + 0, 0 + 4 * 4, 4 * 1 + 0]);
        value.ShouldBe([0 + 9, 4 * 1, 4 * 25, 4 * 4 + 1 + 81]);

        using var cut = new UnitCut(UnitRule.Magnitude, seed: 0).Apply(model, Net(b => b with { QkDim = 1, VDim = 1, AttentionScale = 1 / Math.Sqrt(2) }));
        // Head 0 keeps q/k dimension 0 and v dimension 0, head 1 q/k dimension 0 (16 against 4) and v dimension 0 (100 against 98).
        cut.Weights["blocks.0.attn.qkv.weight"].Select(1, 0).ToArray<float>().ShouldBe([1, 0, 3, 2, 0, 5]);
        cut.Weights["blocks.0.attn.proj.weight"].ToArray<float>().ShouldBe([3, 0, 0, 0, 0, 0, 0, 0]);
        cut.Architecture.Blocks[0].ShouldBe(s_net.Blocks[0] with { QkDim = 1, VDim = 1, AttentionScale = 1 / Math.Sqrt(2) });
    }

    [Theory]
    [InlineData("basic", "1", "2")]
    [InlineData("inverted residual", "1 2", "3")]
    [InlineData("bottleneck", "2", "3")]
    public void A_channels_magnitude_is_its_filters_and_what_the_last_convolution_has_for_it(string kind, string filters, string last)
    {
        using var noGrad = new NoGrad();
        using var model = SmallCnns.OfKind(kind);
        var convolutions = model.Convolutions(1);
        var channels = model.Architecture.Blocks[1].Hidden;
        for (var layer = 0; layer < convolutions.Length; layer++) convolutions[layer].CopyFrom(Tensor.Zeros(convolutions[layer].Shape));
        // All else is zero: channel c has one weight c in each of its filters and one of 2c behind it.
        for (var c = 0; c < channels; c++)
        {
            foreach (var layer in filters.Split(' ')) convolutions[int.Parse(layer) - 1].Select(0, c).Narrow(0, 0, 1).Narrow(1, 0, 1).Narrow(2, 0, 1).CopyFrom(Tensor.Full([1, 1, 1], c));
            convolutions[int.Parse(last) - 1].Narrow(0, 1, 1).Narrow(1, c, 1).Narrow(2, 0, 1).Narrow(3, 0, 1).CopyFrom(Tensor.Full([1, 1, 1, 1], 2 * c));
        }
        UnitCut.ChannelScores(model, 1).Last.ShouldBe([.. Enumerable.Range(0, channels).Select(c => (float)(c * c * (filters.Split(' ').Length + 4)))]);
        var (kept, first) = new UnitCut(UnitRule.Magnitude, seed: 0).Channels(model, 1, 5);
        kept.ShouldBe([.. Enumerable.Range(channels - 5, 5)]);
        // In the middle of a bottleneck these weights are all that first channel 0 leads to.
        first.Length.ShouldBe(kind == "bottleneck" ? 5 : 0);
        if (first.Length > 0) first[0].ShouldBe(0);
    }

    [Theory]
    [InlineData("basic")]
    [InlineData("inverted residual")]
    [InlineData("bottleneck")]
    public void A_convolutional_network_keeps_even_shares_and_what_is_chosen(string kind)
    {
        using var model = SmallCnns.OfKind(kind);
        var target = EvenWidthsMethod.Structure(model.Architecture, new Target(TargetForm.KeepMacs, 0.6), []);
        var shares = target.Blocks.Zip(model.Architecture.Blocks).Where(b => b.Second.HasInnerChannels).Select(b => (double)b.First.Hidden / b.Second.Hidden).ToList();
        (shares.Max() - shares.Min()).ShouldBeLessThan(0.2);
        using var cut = new UnitCut(UnitRule.Random, seed: 3).Apply(model, (Architecture)target);
        cut.Architecture.IsSame(target).ShouldBeTrue();
        using var same = new UnitCut(UnitRule.Random, seed: 3).Apply(model, (Architecture)model.Architecture);
        same.Weights.Differences(model.Weights).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(UnitRule.Magnitude)]
    [InlineData(UnitRule.Random)]
    public void A_cut_network_has_the_planned_architecture_and_cutting_nothing_gives_the_network_itself(UnitRule rule)
    {
        using var model = TestNets.Tiny(1);
        var target = EvenWidthsMethod.Structure(model.Architecture, new Target(TargetForm.KeepMacs, 0.6), []);
        using var cut = new UnitCut(rule, seed: 3).Apply(model, target);
        cut.Architecture.Blocks.ShouldBe(target.Blocks);
        cut.Weights.Keys.ShouldBe(VitTensors.Expected(target).Select(t => t.Name));
        using var same = new UnitCut(rule, seed: 3).Apply(model, model.Architecture);
        same.Weights.Differences(model.Weights).ShouldBeEmpty();
    }

    [Fact]
    public void Chance_depends_on_the_seed_alone()
    {
        using var model = TestNets.Tiny(1);
        var target = EvenWidthsMethod.Structure(model.Architecture, new Target(TargetForm.KeepMacs, 0.6), []);
        using var a = new UnitCut(UnitRule.Random, seed: 3).Apply(model, target);
        using var b = new UnitCut(UnitRule.Random, seed: 3).Apply(model, target);
        using var c = new UnitCut(UnitRule.Random, seed: 4).Apply(model, target);
        a.Weights.Differences(b.Weights).ShouldBeEmpty();
        a.Weights.Differences(c.Weights).ShouldContain("blocks.0.mlp.fc1.weight");
        a.Weights.Differences(c.Weights).ShouldContain("blocks.0.attn.qkv.weight");
    }

    public static TheoryData<string, CountConvention> Targets => new()
    {
        { "0.95", CountConvention.Budget }, { "0.75", CountConvention.Budget }, { "0.5", CountConvention.Full }, { "0.3", CountConvention.Budget },
    };

    [Theory]
    [MemberData(nameof(Targets))]
    public void Shares_are_even_and_the_target_is_just_met(string keep, CountConvention count)
    {
        var net = VitRegistry.Find("vit_small_patch16_224")!.Architecture;
        var target = TargetParser.Parse(keepMacs: keep, count: count == CountConvention.Full ? "full" : "budget");
        var limit = target.Resolve(VitCost.Of(net));
        var planned = EvenWidthsMethod.Structure(net, target, []);
        var achieved = VitCost.Of(planned).In(limit.Measure);
        limit.Met(achieved).ShouldBeTrue();
        ((double)achieved).ShouldBeGreaterThan(0.999 * limit.Amount);
        planned.Blocks.ShouldAllBe(b => b.QkDim == b.VDim && b.Heads == 6);
        planned.Blocks.Select(b => b.QkDim).Distinct().Count().ShouldBe(1);
        (planned.Blocks.Max(b => b.MlpHidden) - planned.Blocks.Min(b => b.MlpHidden)).ShouldBeLessThanOrEqualTo(1);
    }

    private static VitArchitecture Net(Func<VitBlock, VitBlock> change) => s_net.WithBlocks(change);

    private static VitModel Hand() => TestNets.Model(s_net, 1);

    private static void Set(VitModel model, string name, float[] values)
    {
        var tensor = model.Weights["blocks.0." + name];
        tensor.CopyFrom(Tensor.From(values).Reshape([.. tensor.Shape]));
    }
}
