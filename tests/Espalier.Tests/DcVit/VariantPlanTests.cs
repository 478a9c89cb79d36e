using Espalier.Budget;
using Espalier.DcVit;
using Espalier.Models.Vit;

namespace Espalier.Tests.DcVit;

public class VariantPlanTests
{
    private static readonly VitArchitecture Base = VitRegistry.Find("vit_base_patch16_224")!.Architecture;

    [Theory]
    [InlineData("0.751734186", 3)]
    [InlineData("0.7517", 4)]
    [InlineData("0.99", 1)]
    public void The_fewest_blocks_that_meet_the_target_are_dropped(string keep, int blocks)
    {
        var plan = VariantPlan.Create(Base, TargetParser.Parse(keepMacs: keep), BlockVariant.Drop);
        plan.ChosenOption.Blocks.ShouldBe(blocks);
        plan.ChosenOption.Cost.MacsBudget.ShouldBe(16_863_630_336 - blocks * 1_395_554_304L);
        VitCost.Of(BlockVariants.Apply(Base, Enumerable.Range(2, blocks), BlockVariant.Drop, hidden: 0, DcVitProfile.Clean)).ShouldBe(plan.ChosenOption.Cost);
        BlockVariants.Apply(Base, [4], BlockVariant.Drop, hidden: 0, DcVitProfile.Clean).Blocks[4].Kind.ShouldBe(BlockKind.Dropped);
    }

    [Theory]
    [InlineData("0.1")]
    public void Out_of_reach_gives_the_reachable_range(string keep) =>
        Should.Throw<BudgetException>(() => VariantPlan.Create(Base, TargetParser.Parse(keepMacs: keep), BlockVariant.Drop)).Message
            .ShouldEndWith("it reaches 2.9081 G MACs (budget) to 15.4681 G MACs (budget).");
}
