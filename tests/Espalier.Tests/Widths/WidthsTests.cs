using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.Widths;

namespace Espalier.Tests.Widths;

public class WidthsTests
{
    private static readonly WidthKind[] s_all = [WidthKind.QueryKey, WidthKind.Value, WidthKind.Hidden];

    public static TheoryData<string, double, CountConvention> Targets
    {
        get
        {
            var data = new TheoryData<string, double, CountConvention>();
            foreach (var name in new[] { "vit_tiny_patch16_224", "vit_base_patch16_224", "deit_small_patch16_224" })
                foreach (var keep in new[] { 0.95, 0.84, 0.756778175, 0.6, 0.4 })
                    foreach (var count in Enum.GetValues<CountConvention>()) data.Add(name, keep, count);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void The_start_is_less_than_one_hidden_unit_below_its_target(string name, double keep, CountConvention count)
    {
        var net = VitRegistry.Find(name)!.Architecture;
        var (limit, knobs) = (new Target(TargetForm.KeepMacs, keep, count).Resolve(VitCost.Of(net)), Knob.Of(net, s_all, []));
        var start = UniformStart.Find(net, limit, knobs);
        var unit = 2.0 * net.EmbedDim * net.Tokens;
        ((double)VitCost.Of(start).In(limit.Measure)).ShouldBeInRange(limit.Amount - unit, limit.Amount * (1 + Limit.Tolerance));
        foreach (var knob in knobs) knob.Read(start).ShouldBeInRange(1, knob.Read(net));
        // Blocks are cut alike, to the unit.
        foreach (var kind in s_all)
        {
            var widths = knobs.Where(k => k.Kind == kind).Select(k => k.Read(start)).ToList();
            (widths.Max() - widths.Min()).ShouldBeLessThanOrEqualTo(kind == WidthKind.Hidden ? 2 * net.Depth : 0);
        }
    }

    [Theory]
    [InlineData("vit_tiny_patch16_224", 8)]
    [InlineData("vit_tiny_patch16_224", 16)]
    [InlineData("vit_base_patch16_224", 32)]
    public void Widths_that_are_cut_are_multiples_of_what_was_asked_for(string name, int multiple)
    {
        var net = VitRegistry.Find(name)!.Architecture;
        var knobs = Knob.Of(net, s_all, [], multiple);
        foreach (var keep in new[] { 0.95, 0.8, 0.6, 0.4 })
        {
            var limit = new Target(TargetForm.KeepMacs, keep, CountConvention.Budget).Resolve(VitCost.Of(net));
            var (start, narrow) = (UniformStart.Find(net, limit, knobs), UniformStart.Find(net, limit with { Amount = limit.Amount * 0.9 }, knobs));
            foreach (var structure in new[] { start, Filling.Fill(narrow, net, limit, knobs), StructurePath.Between(net, narrow, limit, knobs) })
            {
                foreach (var knob in knobs) (knob.Read(structure) % multiple == 0 || knob.Read(structure) == knob.Read(net)).ShouldBeTrue($"{knob} {knob.Read(structure)}");
                ((double)VitCost.Of(structure).In(limit.Measure)).ShouldBeInRange(0.93 * limit.Amount, limit.Amount * (1 + Limit.Tolerance));
            }
        }
    }

    [Fact]
    public void Where_hidden_units_are_not_enough_heads_make_up_the_rest()
    {
        // All hidden units are there, and the heads are far below what the limit allows.
        var net = VitRegistry.Find("vit_tiny_patch16_224")!.Architecture;
        var knobs = Knob.Of(net, s_all, []);
        var limit = new Target(TargetForm.KeepMacs, 0.95).Resolve(VitCost.Of(net));
        var narrow = net.WithBlocks(b => b with { QkDim = 8, VDim = 8 });
        var filled = Filling.Fill(narrow, net, limit, knobs);
        ((double)VitCost.Of(filled).MacsBudget).ShouldBeInRange(0.99 * limit.Amount, limit.Amount);
        filled.Blocks.ShouldAllBe(b => b.MlpHidden == 768 && b.QkDim % 8 == 0 && b.VDim % 8 == 0);
        var widths = filled.Blocks.SelectMany(b => new[] { b.QkDim, b.VDim }).ToList();
        (widths.Max() - widths.Min()).ShouldBeLessThanOrEqualTo(8, "none is left behind");
    }

    [Fact]
    public void Where_no_hidden_units_may_go_heads_do()
    {
        var net = VitRegistry.Find("vit_tiny_patch16_224")!.Architecture;
        var knobs = Knob.Of(net, [WidthKind.QueryKey, WidthKind.Value], []);
        var limit = new Target(TargetForm.KeepMacs, 0.85).Resolve(VitCost.Of(net));
        var filled = Filling.Fill(net, net, limit, knobs);
        limit.Met(VitCost.Of(filled)).ShouldBeTrue();
        filled.Blocks.ShouldAllBe(b => b.MlpHidden == 768 && b.QkDim % 8 == 0 && b.VDim % 8 == 0);
        var widths = filled.Blocks.SelectMany(b => new[] { b.QkDim, b.VDim }).ToList();
        (widths.Max() - widths.Min()).ShouldBeLessThanOrEqualTo(8, "what is taken is spread");
    }

    [Fact]
    public void A_cut_of_the_queries_leaves_the_scale_of_the_logits()
    {
        var net = VitRegistry.Find("vit_tiny_patch16_224")!.Architecture;
        new Knob(3, WidthKind.QueryKey).Write(net, 16).Blocks[3].AttentionScale.ShouldBe(1 / 8.0);
        new Knob(3, WidthKind.Value).Write(net, 16).Blocks[3].AttentionScale.ShouldBeNull();
    }

    [Fact]
    public void Kept_blocks_and_kinds_that_were_not_asked_for_have_no_knob()
    {
        var net = VitRegistry.Find("vit_tiny_patch16_224")!.Architecture;
        var knobs = Knob.Of(net, [WidthKind.Hidden], [0, 11]);
        knobs.Select(k => k.Block).ShouldBe(Enumerable.Range(1, 10));
        knobs.ShouldAllBe(k => k.Kind == WidthKind.Hidden);
    }

    [Theory]
    [InlineData(0.1, "they reach")]
    [InlineData(1.1, "is within")]
    public void Targets_out_of_reach_name_what_can_be_had(double share, string message)
    {
        var net = VitRegistry.Find("vit_tiny_patch16_224")!.Architecture;
        var limit = new Limit(CostMeasure.MacsBudget, share * VitCost.Of(net).MacsBudget);
        Should.Throw<BudgetException>(() => UniformStart.Find(net, limit, Knob.Of(net, s_all, []))).Message.ShouldContain(message);
    }

    [Fact]
    public void A_path_is_nested_and_every_point_just_below_its_target()
    {
        var net = VitRegistry.Find("vit_tiny_patch16_224")!.Architecture;
        var before = VitCost.Of(net);
        ImmutableArray<Knob> knobs = Knob.Of(net, s_all, []);
        var narrow = new Knob(5, WidthKind.Value).Write(UniformStart.Find(net, Keep(0.5), knobs), 16);
        narrow = Filling.Fill(narrow, net, Keep(0.5), knobs);
        VitArchitecture? last = null;
        foreach (var keep in new[] { 0.95, 0.9, 0.8, 0.71, 0.6, 0.52 })
        {
            var found = StructurePath.Between(net, narrow, Keep(keep), knobs);
            ((double)VitCost.Of(found).MacsBudget).ShouldBeInRange(0.99 * keep * before.MacsBudget, keep * before.MacsBudget * (1 + Limit.Tolerance));
            foreach (var knob in knobs)
            {
                knob.Read(found).ShouldBeGreaterThanOrEqualTo(knob.Read(narrow));
                knob.Read(found).ShouldBeLessThanOrEqualTo(knob.Read(net));
            }
            last = found;
        }
        last.ShouldNotBeNull();

        Limit Keep(double keep) => new Target(TargetForm.KeepMacs, keep).Resolve(before);
    }
}
