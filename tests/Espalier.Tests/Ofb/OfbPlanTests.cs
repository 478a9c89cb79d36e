using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.Ofb;
using Espalier.SearchSpaces;
using Espalier.Tests.SearchSpaces;

namespace Espalier.Tests.Ofb;

public class OfbPlanTests
{
    private static readonly VitArchitecture s_small = VitRegistry.Find("deit_small_patch16_224")!.Architecture;

    [Theory]
    [InlineData(1.0e9)]
    [InlineData(1.7e9)]
    [InlineData(3.6e9)]
    public void Published_sizes_are_within_reach(double macs)
    {
        var plan = OfbPlan.Create(s_small, new Target(TargetForm.Macs, macs, CountConvention.Full));
        var example = VitCost.Of(plan.Example).MacsFull;
        example.ShouldBeInRange((long)(0.97 * macs), (long)macs);
        plan.Warnings.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(0.3e9)]
    [InlineData(4.7e9)]
    public void Beyond_the_range_a_target_is_refused_with_the_range(double macs) =>
        Should.Throw<BudgetException>(() => OfbPlan.Create(s_small, new Target(TargetForm.Macs, macs, CountConvention.Full)))
            .Message.ShouldContain("465,582,336 to 4,598,882,304");

    [Fact]
    public void A_target_in_parameters_is_met_in_parameters()
    {
        var plan = OfbPlan.Create(SearchSpaceTests.Toy, new Target(TargetForm.Params, 90_000));
        VitCost.Of(plan.Example).Parameters.ShouldBeInRange(87_300, 90_000);
    }

    [Fact]
    public void A_net_with_few_sizes_widens_its_window_and_says_so()
    {
        // One block: 2 widths, 1 head of 2 sizes, 2 MLPs.
        var net = VitArchitecture.Uniform("few", 4, 2, 1, 2, 1, 1, 2, mlpHidden: 2);
        var space = SearchSpace.Of(net);
        var cost = SearchCost.Of(space, CostMeasure.MacsFull);
        var reachable = StructureChoiceTests.Combinations(space).Select(c => cost.Total(space.Tables, c)).Distinct().Order().ToList();
        foreach (var (below, above) in reachable.Zip(reachable.Skip(1)))
        {
            var target = (below + above) / 2;
            var plan = OfbPlan.Create(net, new Target(TargetForm.Macs, target, CountConvention.Full));
            VitCost.Of(plan.Example).MacsFull.ShouldBe((long)below, $"target {target}");
            plan.Warnings.Any().ShouldBe(below < 0.97 * target);
        }
    }

    /// <summary>One patch of many pixels costs so much that a step of an attention makes no difference to a bin.</summary>
    [Fact]
    public async Task The_smallest_network_is_found_where_nothing_else_meets_the_target()
    {
        var net = VitArchitecture.Uniform("one patch", imageSize: 224, patchSize: 224, channels: 3, embedDim: 32, depth: 2, heads: 4, classes: 5);
        var cost = SearchCost.Of(SearchSpace.Of(net), CostMeasure.MacsFull);
        var tables = SearchSpace.Of(net).Tables;
        var least = cost.Total(tables, [.. tables.Select(_ => 0)]);
        var plan = await Task.Run(() => OfbPlan.Create(net, new Target(TargetForm.Macs, least, CountConvention.Full))).WaitAsync(TimeSpan.FromSeconds(20));
        VitCost.Of(plan.Example).MacsFull.ShouldBe((long)least);
    }
}
