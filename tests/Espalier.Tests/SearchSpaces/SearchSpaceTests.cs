using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.Ofb;
using Espalier.SearchSpaces;

namespace Espalier.Tests.SearchSpaces;

/// <summary>Sizes and costs: whole numbers, no tensors.</summary>
public class SearchSpaceTests
{
    /// <summary>28×28 grey images, patch 4, width 64, 4 heads, 4 blocks.</summary>
    internal static readonly VitArchitecture Toy = VitArchitecture.Uniform("toy", 28, 4, 1, 64, 4, 4, 10);

    private static SearchSpace Deit(string size) => SearchSpace.Of(VitRegistry.Find($"deit_{size}_patch16_224")!.Architecture);

    [Theory]
    [InlineData("tiny", 5_717_416, 1_253_683_200, 1_259_829_120)]
    [InlineData("small", 22_050_664, 4_598_882_304, 4_600_557_312)]
    [InlineData("base", 86_567_656, 17_563_828_224, 17_524_710_912)]
    public void Costs_of_the_dense_networks_are_known(string size, long parameters, long macs, long official)
    {
        var space = Deit(size);
        var dense = space.Tables.Select(t => t.Count - 1).ToArray();
        SearchCost.Of(space, CostMeasure.Parameters).Total(space.Tables, dense).ShouldBe(parameters);
        SearchCost.Of(space, CostMeasure.MacsFull).Total(space.Tables, dense).ShouldBe(macs);
        PublishedCost.Of(space, space.Tables).Total(space.Tables, dense).ShouldBe(official);
        VitTensors.Expected(space.Net).Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)).ShouldBe(parameters);
    }

    [Fact]
    public void Costs_of_the_smallest_networks_are_known()
    {
        Smallest(Deit("small"), CostMeasure.Parameters).ShouldBe(2_463_016);
        Smallest(Deit("small"), CostMeasure.MacsFull).ShouldBe(465_582_336);
        Smallest(Deit("tiny"), CostMeasure.MacsFull).ShouldBe(131_120_256);
        Smallest(Deit("tiny"), CostMeasure.Parameters).ShouldBe(715_912);
        var toy = SearchSpace.Of(Toy);
        (VitCost.Of(Toy).Parameters, VitCost.Of(Toy).MacsFull).ShouldBe((205_066, 11_161_216));
        (Smallest(toy, CostMeasure.Parameters), Smallest(toy, CostMeasure.MacsFull)).ShouldBe((24_170, 1_209_408));
        var small = Deit("small");
        var tables = small.Tables.Select(t => CandidateTable.Decided(t.Heads[0], t.Dims[0])).ToArray();
        PublishedCost.Of(small, tables).Total(tables, new int[tables.Length]).ShouldBe(471_683_328);

        static double Smallest(SearchSpace space, CostMeasure measure) => SearchCost.Of(space, measure).Total(space.Tables, new int[space.Tables.Length]);
    }

    [Fact]
    public void Any_combination_of_a_swin_costs_what_the_counter_says()
    {
        var random = new SeededRandom(6);
        foreach (var name in new[] { "swin_tiny_patch4_window7_224", "swin_micro_patch2_window7_28" })
        {
            var space = SearchSpace.Of(VitRegistry.Find(name)!.Architecture);
            space.Submodules.Where(s => s.Kind == UnitKind.Embedding).Select(s => s.Block).ShouldBe(space.Net.Stages.Select(i => i > 0 ? i : -1));
            foreach (var measure in new[] { CostMeasure.MacsBudget, CostMeasure.MacsFull })
                for (var trial = 0; trial < 10; trial++)
                {
                    var choice = space.Tables.Select(t => random.NextInt(t.Count)).ToArray();
                    var net = space.Chosen(space.Tables, choice);
                    SearchCost.Of(space, measure).Total(space.Tables, choice).ShouldBe(VitCost.Of(net).In(measure));
                    net.Stages.ShouldBe(space.Net.Stages);
                }
        }
    }

    [Fact]
    public void Any_combination_costs_what_the_counter_says()
    {
        var random = new SeededRandom(5);
        foreach (var measure in Enum.GetValues<CostMeasure>())
            for (var trial = 0; trial < 20; trial++)
            {
                var space = SearchSpace.Of(trial % 2 == 0 ? Toy : VitRegistry.Find("deit_tiny_patch16_224")!.Architecture);
                var choice = space.Tables.Select(t => random.NextInt(t.Count)).ToArray();
                SearchCost.Of(space, measure).Total(space.Tables, choice).ShouldBe(VitCost.Of(space.Chosen(space.Tables, choice)).In(measure));
            }
    }

    [Theory]
    [InlineData("small", 17, 21, 7)]
    [InlineData("base", 33, 42, 7)]
    [InlineData("tiny", 17, 21, 7)]
    public void Numbers_of_candidates_are_the_papers(string size, int embed, int attention, int mlp)
    {
        var tables = Deit(size).Tables;
        (tables[0].Count, tables[1].Count, tables[2].Count).ShouldBe((embed, attention, mlp));
    }

    [Fact]
    public void Sizes_rise_to_the_dense_one()
    {
        var random = new SeededRandom(8);
        List<CandidateTable> tables = [.. Deit("base").Tables, .. Deit("tiny").Tables];
        for (var trial = 0; trial < 200; trial++)
        {
            var (heads, dim, width) = (random.NextInt(1, 16), random.NextInt(1, 70), random.NextInt(1, 900));
            tables.AddRange([CandidateTable.Embed(width), CandidateTable.Attention(heads, dim), CandidateTable.Mlp(width)]);
            (tables[^3].Units, tables[^2].Units, tables[^1].Units).ShouldBe((width, heads * dim, width));
        }
        foreach (var table in tables)
        {
            Rises(table.Heads);
            Rises(table.Dims);
        }
        tables.First(t => t.Heads.Length == 3).Heads.ShouldBe([1, 2, 3]);

        static void Rises(IReadOnlyList<int> sizes)
        {
            sizes[0].ShouldBeGreaterThan(0);
            sizes.Zip(sizes.Skip(1)).ShouldAllBe(p => p.Second > p.First);
        }
    }

    [Fact]
    public void Table_of_deit_small_is_that_of_the_published_search()
    {
        var tables = Deit("small").Tables;
        tables[0].Dims.ShouldBe(Enumerable.Range(0, 17).Select(k => 192 + 12 * k));
        tables[1].Heads.ShouldBe([2, 4, 6]);
        tables[1].Dims.ShouldBe([16, 24, 32, 40, 48, 56, 64]);
        tables[2].Dims.ShouldBe([384, 576, 768, 960, 1152, 1344, 1536]);
    }

    [Fact]
    public void A_box_ends_at_the_largest_live_sizes()
    {
        var table = CandidateTable.Grid([2, 4, 6], [16, 32, 64]);
        // Live: 2 heads of 64 and 6 heads of 16.
        var (box, rows, columns) = table.Without([0, 1, 3, 4, 5, 7, 8]).Box();
        (box.MostHeads, box.MostDims, box.LiveCount).ShouldBe((6, 64, 2));
        rows.ShouldBe([0, 1, 2]);
        columns.ShouldBe([0, 1, 2]);
        var (left, _, _) = table.Without([1, 2, 4, 5, 7, 8]).Box();
        (left.MostHeads, left.MostDims, left.LiveCount).ShouldBe((6, 16, 3));
        var (decided, row, column) = table.Only(4).Box();
        (decided.MostHeads, decided.MostDims, decided.Count).ShouldBe((4, 32, 1));
        row.ShouldBe([1]);
        column.ShouldBe([1]);
        Should.Throw<ArgumentException>(() => table.Without([.. Enumerable.Range(0, 9)]));
    }

    [Fact]
    public void Cut_blocks_are_refused_and_narrow_ones_are_not()
    {
        Should.Throw<UsageException>(() => SearchSpace.Of(Toy with { Blocks = Toy.Blocks.SetItem(1, new VitBlock { MlpHidden = 8 }) }))
            .Message.ShouldStartWith("toy: block 1 is ffn_only");
        Should.Throw<UsageException>(() => SearchSpace.Of(Toy with { RegTokens = 2 })).Message.ShouldStartWith("toy is no plain ViT");
        Should.Throw<UsageException>(() => SearchSpace.Of(Toy with { Blocks = Toy.Blocks.SetItem(1, Toy.Blocks[1] with { TokensMerged = 3 }) })).Message.ShouldStartWith("toy is no plain ViT");
        var narrow = Toy with { EmbedDim = 40, Blocks = Toy.Blocks.SetItem(2, new VitBlock { Heads = 3, QkDim = 6, VDim = 6, MlpHidden = 30 }) };
        SearchSpace.Of(narrow).Tables[5].Heads.ShouldBe([1, 2, 3]);
    }
}
