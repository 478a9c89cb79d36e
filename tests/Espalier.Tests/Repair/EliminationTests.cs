using Espalier.Models;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

/// <summary>The order of elimination against solves of every choice, one by one.</summary>
public class EliminationTests : TorchTest
{
    private const int Problems = 12;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_step_removes_the_group_whose_loss_is_least_and_states_it(int groupSize)
    {
        for (var seed = 0UL; seed < Problems; seed++)
        {
            // The last two inputs belong to no group and stay.
            using var problem = new LinearProblem(seed, inputs: 4 * groupSize + 2);
            var strength = Math.Pow(10, -problem.Random.NextInt(1, 5));
            ShouldBeGreedy(problem, strength, Groups(problem, 4, groupSize), Order(problem, strength, Groups(problem, 4, groupSize), keep: 1));
        }
    }

    [Fact]
    public void Fewer_steps_are_the_first_of_more_and_errors_ascend()
    {
        for (var seed = 0UL; seed < Problems; seed++)
        {
            using var problem = new LinearProblem(seed, inputs: 12);
            var groups = Groups(problem, 12, 1);
            var (order, errors) = Order(problem, 1e-3, groups, keep: 1);
            order.Distinct().Count().ShouldBe(11);
            errors.ShouldBe(errors.Order());
            errors[0].ShouldBeGreaterThan(0);
            var (shorter, shorterErrors) = Order(problem, 1e-3, groups, keep: 7);
            shorter.ShouldBe(order[..5]);
            shorterErrors.ShouldBe(errors[..5]);
            Order(problem, 1e-3, groups, keep: 12).Order.ShouldBeEmpty();
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(8)]
    [InlineData(13)]
    public void What_is_left_is_better_than_a_random_choice_of_as_many(int keep)
    {
        for (var seed = 0UL; seed < Problems; seed++)
        {
            using var problem = new LinearProblem(seed, inputs: 16, images: 30);
            var groups = Groups(problem, 16, 1);
            var left = problem.LeastWithout(Inputs(groups, Order(problem, 1e-3, groups, keep).Order), 1e-3);
            left.ShouldBeLessThan(Enumerable.Range(0, 10).Average(_ => problem.Least(problem.Random.Choose(16, keep), 1e-3)), $"problem {seed}");
        }
    }

    [Fact]
    public void In_a_metric_of_the_outputs_it_is_the_elimination_of_a_layer_whose_outputs_are_turned_so()
    {
        var others = 0;
        for (var seed = 0UL; seed < Problems; seed++)
        {
            using var problem = new LinearProblem(seed, inputs: 10);
            // Only the first output costs anything.
            var values = new double[problem.Outputs * problem.Outputs];
            values[0] = 1;
            var metric = new ErrorMetric(Tensor.Ones([1]), Tensor.From<double>(values, problem.Outputs, problem.Outputs));
            var groups = Groups(problem, 10, 1);
            var order = Elimination.Order(problem.Sums.Gram(), metric.Of(problem.Sums.Cross()), metric.Of(problem.PriorTensor), 1e-3, groups, keep: 1);
            var first = Elimination.Order(problem.Sums.Gram(), problem.Sums.Cross().Narrow(0, 0, 1), problem.PriorTensor.Narrow(0, 0, 1), 1e-3, groups, keep: 1);
            order.Order.ShouldBe(first.Order);
            if (!order.Order.SequenceEqual(Order(problem, 1e-3, groups, keep: 1).Order)) others++;
        }
        others.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void Of_two_equal_inputs_one_goes_first_for_next_to_nothing_and_the_other_then_counts()
    {
        for (var seed = 0UL; seed < Problems; seed++)
        {
            using var problem = new LinearProblem(seed, change: x => x[5] = x[1]);
            // The pull to the prior must not tell them apart either.
            foreach (var row in problem.Prior) row[5] = row[1] = 0;
            int[][] groups = [.. Enumerable.Range(0, 7).Select(j => new[] { j })];
            var (order, errors) = Order(problem, 1e-6, groups, keep: 1);
            order[0].ShouldBeOneOf(1, 5);
            errors[0].ShouldBeLessThan(1e-3 * errors[1]);
            errors[0].ShouldBeLessThan(1e-4 * problem.LeastWithout([], 1e-6));
        }
    }

    [Fact]
    public void A_group_is_not_cheap_because_its_members_stand_in_for_each_other()
    {
        var cheaper = 0;
        for (var seed = 0UL; seed < Problems; seed++)
        {
            // Inputs 0 and 1 are nearly the same: each alone is worth little, the two together what one of them is worth.
            using var problem = new LinearProblem(seed, inputs: 6, change: x => x[1] = x[0] + 0.001 * x[1]);
            int[][] groups = [[0, 1], [2, 3], [4, 5]];
            var order = Order(problem, 1e-4, groups, keep: 1);
            ShouldBeGreedy(problem, 1e-4, groups, order);
            if (order.Order[0] != 0) cheaper++;
        }
        cheaper.ShouldBeGreaterThan(0, "another group is worth less in some of the problems");
    }

    [Fact]
    public void Inputs_that_are_gone_stand_in_for_none()
    {
        var others = 0;
        for (var seed = 0UL; seed < Problems; seed++)
        {
            // Inputs 0 and 4 are the same: with 4 there, 0 is worth nothing.
            using var problem = new LinearProblem(seed, inputs: 5, change: x => x[4] = x[0]);
            foreach (var row in problem.Prior) row[0] = row[4] = 0;
            int[][] groups = [[0], [1], [2], [3]];
            Order(problem, 1e-6, groups, keep: 3).Order.ShouldBe([0]);
            var order = Elimination.Order(problem.Sums.Gram(), problem.Sums.Cross(), problem.PriorTensor, 1e-6, groups, keep: 1, 4);
            ShouldBeGreedy(problem, 1e-6, groups, order, gone: 4);
            if (order.Order[0] != 0) others++;
        }
        others.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void Rounds_of_several_inputs_state_the_loss_of_all_of_them()
    {
        using var problem = new LinearProblem(6, inputs: 200);
        var groups = Groups(problem, 200, 1);
        var (order, errors) = Order(problem, 1e-2, groups, keep: 190);
        order.Distinct().Count().ShouldBe(10);
        errors.ShouldBe(errors.Order());
        var start = problem.LeastWithout([], 1e-2);
        // Two go in a round; what they cost together is shared out.
        errors[0].ShouldBe(errors[1] / 2, 1e-9);
        foreach (var gone in (int[])[2, 6, 10])
            errors[gone - 1].ShouldBe(problem.LeastWithout(Inputs(groups, order[..gone]), 1e-2) - start, 1e-6 * start);
    }

    // Each step against a solve for every group that is still there.
    private static void ShouldBeGreedy(LinearProblem problem, double strength, int[][] groups, EliminationOrder found, params int[] gone)
    {
        var (order, errors) = found;
        order.Length.ShouldBe(groups.Length - 1);
        var start = problem.LeastWithout(gone, strength);
        for (var step = 0; step < order.Length; step++)
        {
            int[] before = [.. gone, .. Inputs(groups, order[..step])];
            var losses = Enumerable.Range(0, groups.Length).Except(order[..step])
                .ToDictionary(g => g, g => problem.LeastWithout([.. before, .. groups[g]], strength) - start);
            losses[order[step]].ShouldBe(losses.Values.Min(), 1e-6 * start, $"step {step}");
            errors[step].ShouldBe(losses[order[step]], 1e-4 * (start + losses[order[step]]), $"step {step}");
        }
    }

    // Members are no neighbours, as those of a value dimension over all heads are none.
    private static int[][] Groups(LinearProblem problem, int count, int size)
    {
        var random = new SeededRandom((ulong)problem.InputCount, "groups");
        return [.. random.Permutation(count * size).Chunk(size)];
    }

    private static IEnumerable<int> Inputs(int[][] groups, IEnumerable<int> chosen) => chosen.SelectMany(g => groups[g]);

    private static EliminationOrder Order(LinearProblem problem, double strength, int[][] groups, int keep) =>
        Elimination.Order(problem.Sums.Gram(), problem.Sums.Cross(), problem.PriorTensor, strength, groups, keep);
}
