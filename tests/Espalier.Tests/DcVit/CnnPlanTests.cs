using Espalier.Budget;
using Espalier.DcVit;
using Espalier.DcVit.Cnn;
using Espalier.Finetuning;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Tests.FewShot;

namespace Espalier.Tests.DcVit;

/// <summary>Plans for convolutional networks, whose blocks save different amounts.</summary>
public class CnnPlanTests : TorchTest
{
    private static readonly Target s_fifth = new(TargetForm.KeepMacs, 0.8);

    [Theory]
    [InlineData("mobilenetv2_100", BlockVariant.Drop)]
    [InlineData("mobilenetv2_100", BlockVariant.Compress)]
    [InlineData("resnet50", BlockVariant.Drop)]
    [InlineData("resnet50", BlockVariant.Compress)]
    [InlineData("resnet18", BlockVariant.Compress)]
    [InlineData("fashion-mobilenet", BlockVariant.Compress)]
    public void Whatever_the_ranking_the_target_is_met_and_not_by_more_than_needed(string name, BlockVariant variant)
    {
        var net = Net(name);
        var random = new SeededRandom(1, name);
        foreach (var keep in (double[])[0.95, 0.9, 0.8])
        {
            var target = new Target(TargetForm.KeepMacs, keep, random.NextBool() ? CountConvention.Budget : CountConvention.Full);
            var plan = Structure.Plan(net, target, new DcVitOptions { Variant = variant });
            for (var trial = 0; trial < 4; trial++)
            {
                var ranked = plan.Candidates.ToArray();
                random.Shuffle(ranked.AsSpan());
                var chosen = plan.Choose([.. ranked]);
                chosen.ShouldBe(ranked.Take(chosen.Length));
                chosen.Length.ShouldBeInRange(1, plan.Count);
                var found = plan.For(chosen);
                var cut = Cut(net, chosen, variant, found);
                found.After.ShouldBe(cut.Cost());
                found.Limit.Met(found.After).ShouldBeTrue();
                // One block fewer would not do, nor one channel more in the last.
                found.Limit.Met(Cut(net, chosen.SkipLast(1), variant, plan).Cost()).ShouldBeFalse();
                var last = cut.Blocks[chosen[^1]];
                if (variant == BlockVariant.Drop || last == net.Blocks[chosen[^1]]) continue;
                var wider = cut with { Blocks = cut.Blocks.SetItem(chosen[^1], last with { Hidden = last.Hidden + 1 }) };
                found.Limit.Met(wider.Cost()).ShouldBeFalse();
            }
        }
    }

    [Theory]
    [InlineData(BlockVariant.Drop)]
    [InlineData(BlockVariant.Compress)]
    public void Every_option_holds_for_the_blocks_that_save_least(BlockVariant variant)
    {
        var net = Net("mobilenetv2_100");
        var plan = Structure.Plan(net, s_fifth, new DcVitOptions { Variant = variant });
        plan.Options.Select(o => o.Blocks).ShouldBeInOrder();
        foreach (var option in plan.Options)
        {
            plan.Limit.Met(option.Cost).ShouldBeTrue();
            var forced = Structure.Plan(net, s_fifth, new DcVitOptions { Variant = variant, K = option.Blocks });
            var order = forced.Choose([.. forced.Candidates.Reverse()]);
            order.Length.ShouldBe(option.Blocks);
            forced.Limit.Met(Cut(net, order, variant, forced).Cost()).ShouldBeTrue();
        }
    }

    [Fact]
    public void A_block_that_saves_more_counts_less()
    {
        var target = s_fifth with { Count = CountConvention.Full };
        var plan = Structure.Plan(Net("mobilenetv2_100"), target, new DcVitOptions { Variant = BlockVariant.Drop });
        (plan.Weigh(7, 1) / plan.Weigh(2, 1)).ShouldBe(25_740_288 / 10_311_168.0, 1e-9);
        plan.Candidates.Average(b => 1 / plan.Weigh(b, 1)).ShouldBe(1, 1e-9);
        var even = Structure.Plan(Net("resnet34"), target, new DcVitOptions { Variant = BlockVariant.Drop });
        even.Candidates.ShouldAllBe(b => Math.Abs(even.Weigh(b, 0.3) - 0.3) < 1e-12);
    }

    [Fact]
    public void What_cannot_be_done_is_said()
    {
        var net = Net("resnet50");
        string Usage(DcVitOptions options) => Should.Throw<UsageException>(() => Structure.Plan(net, s_fifth, options)).Message;
        string OutOfReach(Target target, DcVitOptions options) => Should.Throw<BudgetException>(() => Structure.Plan(net, target, options)).Message;
        Usage(new() { Variant = BlockVariant.RemoveMlp }).ShouldContain("cnn-dense");
        Usage(new() { MlpInit = MlpInit.GeluSample }).ShouldContain("at random");
        Usage(new() { Candidates = [1, 3] }).ShouldContain("block 3 cannot be cut alone; those that can are 1, 2, 4");
        Usage(new() { Order = [1], Keep = [1] }).ShouldContain("Block 1 is to stay");
        Usage(new() { Order = [1, 1] }).ShouldContain("twice");
        OutOfReach(new(TargetForm.KeepMacs, 0.2), new() { Variant = BlockVariant.Drop }).ShouldContain("it reaches");
        OutOfReach(s_fifth, new() { Variant = BlockVariant.Drop, K = 2 }).ShouldContain("2 blocks cannot meet");
        OutOfReach(new(TargetForm.Macs, 9e9), new()).ShouldContain("it reaches");
        Structure.Plan(net, s_fifth, new() { Keep = [1, 2] }).Candidates.ShouldBe([4, 5, 6, 8, 9, 10, 11, 12, 14, 15]);
    }

    [Theory]
    [InlineData(UpdateRange.Before, "conv1.weight bn1.weight layer1.0.conv1.weight layer2.0.downsample.0.weight", "layer2.1.conv1.weight layer2.2.bn1.weight fc.weight")]
    [InlineData(UpdateRange.All, "conv1.weight layer2.2.conv2.weight layer2.2.bn2.bias", "fc.weight fc.bias")]
    [InlineData(UpdateRange.LayerNorms, "bn1.weight layer1.1.bn2.bias layer2.0.downsample.1.weight layer2.2.bn1.bias", "conv1.weight layer1.0.conv1.weight fc.bias")]
    public void A_finetune_moves_what_the_setting_says(UpdateRange range, string moves, string stays)
    {
        using var model = StripesCnn.Net.Random(new Preprocessing { Size = 16, Mean = [0.5], Std = [0.5] }, 1);
        var names = UpdateRanges.Names(model, range, [1, 2], UpdateRanges.LastBlock([1, 2], 6), trainNorm: true, reach: 5);
        foreach (var name in moves.Split(' ')) names.ShouldContain(name);
        foreach (var name in stays.Split(' ')) names.ShouldNotContain(name);
        names.ShouldAllBe(name => !model.IsBuffer(name));
        Should.Throw<UsageException>(() => UpdateRanges.Names(model, UpdateRange.Attention, [1], 2, true, 5)).Settings.ShouldBe(["Update"]);
    }

    [Theory]
    [InlineData(UpdateRange.All)]
    [InlineData(UpdateRange.LayerNorms)]
    public void What_the_loss_does_not_reach_stays(UpdateRange range)
    {
        var entry = ModelRegistry.Find("fashion-mobilenet")!;
        using var model = (CnnModel)entry.Architecture.Random(entry.Preprocessing, 1);
        var depth = model.Architecture.Depth;
        Names(depth).Any(IsBehind).ShouldBe(range == UpdateRange.All, "the last convolution moves when everything does");
        foreach (var reach in new[] { depth - 1, 3 })
        {
            Names(reach).Any(IsBehind).ShouldBeFalse();
            Names(reach).Max(n => model.Layer(n) - 1).ShouldBe(reach);
        }

        IReadOnlyList<string> Names(int reach) => UpdateRanges.Names(model, range, [1, 2], 3, trainNorm: true, reach);
        bool IsBehind(string name) => model.Layer(name) - 1 == depth;
    }

    private static CnnArchitecture Net(string name) => (CnnArchitecture)ModelRegistry.Find(name)!.Architecture;

    private static CnnArchitecture Cut(CnnArchitecture net, IEnumerable<int> blocks, BlockVariant variant, Structure plan) => blocks.Aggregate(net, (n, b) =>
        n with { Blocks = n.Blocks.SetItem(b, variant == BlockVariant.Drop ? n.Blocks[b].Drop() : n.Blocks[b] with { Hidden = plan.HiddenIn(b) }) });
}
