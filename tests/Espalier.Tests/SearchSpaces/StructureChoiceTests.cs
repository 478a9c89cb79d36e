using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.SearchSpaces;

namespace Espalier.Tests.SearchSpaces;

public class StructureChoiceTests
{
    /// <summary>On spaces small enough to list, the choice is the best one there is, or differs from it by less than a bin.</summary>
    [Fact]
    public void The_choice_is_the_best_combination_in_the_window()
    {
        var random = new SeededRandom(3);
        for (var trial = 0; trial < 60; trial++)
        {
            var space = SearchSpace.Of(trial % 3 == 0
                ? VitArchitecture.Swin("t", 8, 2, 1, embedDim: 4, depths: [1, 1], headDim: 4, window: 2, classes: 2).WithBlocks(b => b with { MlpHidden = 4 })
                : VitArchitecture.Uniform("t", 4, 2, 1, 6, 1, 2, 2, mlpHidden: 10));
            var cost = SearchCost.Of(space, CostMeasure.MacsFull);
            var worth = space.Tables.Select(t => Enumerable.Range(0, t.Count).Select(_ => random.NextGaussian()).ToArray()).ToArray();
            var all = Combinations(space).Select(c => (Choice: c, Cost: cost.Total(space.Tables, c))).ToList();
            var high = random.NextDouble(all.Min(a => a.Cost), all.Max(a => a.Cost));
            var low = high * random.NextDouble(0.5, 1);
            var inside = all.Where(a => a.Cost >= low && a.Cost <= high).Select(a => Worth(a.Choice)).ToList();
            var found = StructureChoice.Best(space.Tables, (s, c) => worth[s][c], cost, low, high);
            (found is not null).ShouldBe(inside.Count > 0);
            if (found is null) continue;
            cost.Total(space.Tables, found).ShouldBeInRange(low, high);
            Worth(found).ShouldBe(inside.Max(), 1e-12);

            double Worth(int[] choice) => choice.Select((c, s) => worth[s][c]).Sum();
        }
    }

    /// <summary>Every choice of one candidate for each submodule.</summary>
    internal static IEnumerable<int[]> Combinations(SearchSpace space) => space.Tables.Aggregate((IEnumerable<int[]>)[[]],
        (all, table) => all.SelectMany(a => Enumerable.Range(0, table.Count).Select(c => (int[])[.. a, c])));
}
