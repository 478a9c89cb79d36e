using Espalier.Baselines;
using Espalier.Budget;
using Espalier.DcVit;
using Espalier.MetricSets;
using Espalier.Models;
using Espalier.Models.Vit;

namespace Espalier.Tests.DcVit;

public class WholeBlockPlanTests
{
    private const string Base = "vit_base_patch16_224", Swin = "swin_tiny_patch4_window7_224";

    private static readonly DcVitOptions s_drop = new() { Variant = BlockVariant.Drop };

    [Theory]
    [InlineData("0.751734186", 3)]
    [InlineData("0.7517", 4)]
    [InlineData("0.99", 1)]
    public void The_fewest_blocks_that_meet_the_target_are_dropped(string keep, int blocks)
    {
        var plan = Plan(Base, keep, s_drop);
        plan.Count.ShouldBe(blocks);
        plan.After.MacsBudget.ShouldBe(16_863_630_336 - blocks * 1_395_554_304L);
        var dropped = (VitArchitecture)plan.Apply(Enumerable.Range(2, blocks));
        VitCost.Of(dropped).ShouldBe(plan.After);
        dropped.Blocks[2].Kind.ShouldBe(BlockKind.Dropped);
    }

    [Theory]
    [InlineData(Base, BlockVariant.Drop, 0)]
    [InlineData(Base, BlockVariant.Identity, 0)]
    [InlineData(Base, BlockVariant.RemoveMlp, 0)]
    [InlineData(Base, BlockVariant.RemoveAttention, 3072)]
    [InlineData(Swin, BlockVariant.Drop, 0)]
    [InlineData(Swin, BlockVariant.RemoveMlp, 0)]
    [InlineData(Swin, BlockVariant.RemoveAttention, null)]
    public void Every_option_holds_for_any_blocks(string name, BlockVariant variant, int? hidden)
    {
        var random = new SeededRandom(1, name);
        foreach (var count in new[] { CountConvention.Budget, CountConvention.Full })
        {
            var plan = Plan(name, "0.9", new DcVitOptions { Variant = variant }, count);
            (plan.Hidden, plan.Chosen).ShouldBe((hidden, 0));
            plan.Options.Select(o => o.Blocks).ShouldBe(Enumerable.Range(plan.Count, plan.Options.Length));
            foreach (var option in plan.Options)
            {
                var forced = Plan(name, "0.9", new DcVitOptions { Variant = variant, K = option.Blocks }, count);
                int[] order = [.. random.Choose(plan.Candidates.Length, option.Blocks).Select(i => plan.Candidates[i])];
                var after = forced.For(order).After;
                after.ShouldBe(forced.Apply(order).Cost());
                after.In(plan.Limit.Measure).ShouldBeLessThanOrEqualTo(option.Cost.In(plan.Limit.Measure));
                plan.Limit.Met(option.Cost).ShouldBeTrue();
            }
        }
    }

    [Fact]
    public void Practise_divides_by_what_a_block_saves_and_others_do_not()
    {
        var practise = Plan(Swin, "0.9", Practise.Options(new(), MetricKind.Kl));
        long Saving(int block) => practise.Before.MacsBudget - practise.Apply([block]).Cost().MacsBudget;
        var least = practise.Candidates.MinBy(Saving);
        practise.Candidates.Select(Saving).Distinct().Count().ShouldBeGreaterThan(1);
        foreach (var block in practise.Candidates)
            (practise.Weigh(block, 0.3) * Saving(block)).ShouldBe(0.3 * Saving(least), 1);
        Plan(Swin, "0.9", s_drop).Weigh(2, 0.3).ShouldBe(0.3);
    }

    [Theory]
    [InlineData("0.1")]
    public void Out_of_reach_gives_the_reachable_range(string keep) =>
        Should.Throw<BudgetException>(() => Plan(Base, keep, s_drop)).Message
            .ShouldEndWith("it reaches 2.9081 G MACs (budget) to 15.4681 G MACs (budget) (17.24% to 91.72%).");

    [Fact]
    public void Named_and_kept_blocks_are_checked()
    {
        string Usage(DcVitOptions options) => Should.Throw<UsageException>(() => Plan(Base, "0.9", options)).Message;
        Usage(s_drop with { Order = [2, 2] }).ShouldContain("twice");
        Usage(s_drop with { Order = [2, 3], K = 3 }).ShouldContain("The order names 2 blocks but 3 are asked for");
        Usage(s_drop with { Candidates = [2, 3], Keep = [3] }).ShouldContain("Block 3 is to stay, but the candidates name it");
        Plan(Base, "0.9", s_drop with { Keep = [2, 3] }).Candidates.ShouldBe([1, 4, 5, 6, 7, 8, 9, 10]);
        Plan(Base, "0.9", s_drop with { Order = [7, 4] }).Order!.Value.ShouldBe([7, 4]);
    }

    private static Structure Plan(string name, string keep, DcVitOptions options, CountConvention count = CountConvention.Budget) =>
        Structure.Plan(VitRegistry.Find(name)!.Architecture, new Target(TargetForm.KeepMacs, double.Parse(keep, System.Globalization.CultureInfo.InvariantCulture), count), options);
}
