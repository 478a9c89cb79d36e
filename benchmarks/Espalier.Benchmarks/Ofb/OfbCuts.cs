using System.Collections.Immutable;
using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.Ofb;
using Espalier.SearchSpaces;
using Espalier.Torch;

namespace Espalier.Benchmarks.Ofb;

/// <summary>Sizes and rankings to compare OFB with, and the cut they make together.</summary>
internal static class OfbCuts
{
    /// <summary>Sizes drawn at random among those that cost as much.</summary>
    public static ImmutableArray<CandidateTable> RandomSizes(OfbPlan plan, ulong seed)
    {
        var random = new SeededRandom(seed, "random sizes");
        var worth = plan.Space.Tables.Select(t => Enumerable.Range(0, t.Count).Select(_ => random.NextGaussian()).ToArray()).ToArray();
        return Only(plan, StructureChoice.Best(plan.Space.Tables, (s, c) => worth[s][c], plan.Cost, plan.Low, plan.Limit.Amount)!);
    }

    /// <summary>The same sizes in every block; of those that cost as much (within 5 %) the most even shares.</summary>
    public static ImmutableArray<CandidateTable> UniformSizes(OfbPlan plan)
    {
        var tables = plan.Space.Tables;
        var all = from e in tables[0].LiveOnes
                  from a in tables[1].LiveOnes
                  from m in tables[2].LiveOnes
                  let choice = (int[])[e, .. Enumerable.Range(1, tables.Length - 1).Select(k => k % 2 == 1 ? a : m)]
                  let cost = plan.Cost.Total(tables, choice)
                  where cost <= plan.Limit.Amount && cost >= 0.95 * plan.Limit.Amount
                  orderby choice.Take(3).Select(Share).Min() descending
                  select choice;
        return Only(plan, all.First());

        double Share(int candidate, int table) => (double)tables[table].SizeOf(candidate) / tables[table].Units;
    }

    /// <summary>The sizes of a network that a search came to.</summary>
    public static ImmutableArray<CandidateTable> SizesOf(OfbPlan plan, VitArchitecture net) => [.. plan.Space.Submodules.Select(s => s.Kind switch
    {
        UnitKind.Embedding => CandidateTable.Decided(1, net.EmbedDim),
        UnitKind.HeadChannels => CandidateTable.Decided(net.Blocks[s.Block].Heads, net.Blocks[s.Block].QkDim),
        _ => CandidateTable.Decided(1, net.Blocks[s.Block].MlpHidden),
    })];

    /// <summary>Units in random order.</summary>
    public static UnitRanking RandomRanking(CandidateTable dense, ulong seed, int submodule)
    {
        var random = new SeededRandom(seed, "random ranking", submodule);
        return new([.. Enumerable.Range(0, dense.Units).Select(_ => random.NextDouble())], dense.MostHeads);
    }

    /// <summary>Units by the Euclidean norm of all matrix slices that go with them; heads by the sum of squares.</summary>
    public static UnitRanking Magnitude(VitModel model, Submodule submodule)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var units = submodule.Table.Units;
        var cut = new WidthCut(submodule.Kind, submodule.Block, units, []);
        var sum = Tensor.Zeros([units], device: model.Device);
        foreach (var (name, tensor) in model.Weights.Where(t => t.Value.Shape.Length > 1))
            foreach (var (dim, copies) in cut.Places(name))
            {
                long[] others = [.. Enumerable.Range(0, tensor.Shape.Length).Where(d => d != dim).Select(d => (long)d)];
                sum += (tensor * tensor).Sum(others).Reshape(copies, units).Sum([0]);
            }
        return new(sum.ToArray<double>(), submodule.Table.MostHeads);
    }

    /// <summary>The model with the best units of each submodule.</summary>
    public static VitModel Cut(VitModel model, SearchSpace space, ImmutableArray<CandidateTable> sizes, Func<int, UnitRanking> ranking)
    {
        // All rankings see the whole model.
        var kept = Enumerable.Range(0, sizes.Length).Select(k => ranking(k).Kept(sizes[k].MostHeads, sizes[k].MostDims)).ToList();
        var result = model.Clone();
        for (var k = 0; k < sizes.Length; k++)
        {
            using var before = result;
            result = space.Submodules[k].Kind switch
            {
                UnitKind.Embedding => before.KeepEmbedding(kept[k]),
                UnitKind.HeadChannels => before.KeepHeadChannels(space.Submodules[k].Block, sizes[k].MostHeads, kept[k]),
                _ => before.KeepHidden(space.Submodules[k].Block, kept[k]),
            };
        }
        return result;
    }

    private static ImmutableArray<CandidateTable> Only(OfbPlan plan, int[] choice) =>
        [.. plan.Space.Tables.Select((t, s) => CandidateTable.Decided(t.HeadsOf(choice[s]), t.DimsOf(choice[s])))];
}
