using Espalier.Budget;
using Espalier.Models;
using Espalier.Ofb;
using Espalier.SearchSpaces;
using Espalier.Torch;

namespace Espalier.Tests.Ofb;

public class BiMaskTests : TorchTest
{
    private static readonly CandidateTable s_line = CandidateTable.Grid([1], [2, 3, 4]);
    private static readonly CandidateTable s_table = CandidateTable.Grid([2, 4], [2, 3, 4]);
    private static readonly double[] s_scores = [0.1, 0.4, -0.3, 0.2];

    [Fact]
    public void A_staircase_follows_the_ranks()
    {
        var p = Tensor.From<double>([0.2, 0.3, 0.5], 1, 3);
        var v = BiMask.Sparsity(p, s_line, new UnitRanking(s_scores, 1));
        Near(v, [0.8, 1, 0.5, 1], 1e-12);
        BiMask.ExpectedSize(p, s_line).Item().ShouldBe(3.3, 1e-12);
        var s = Tensor.From(s_scores);
        Near(BiMask.Mask(s, v, 0.99), [.527729, .602701, .426302, .554336], 1e-6);
        Near(BiMask.Mask(s, v, 0.4), [.689992, .839475, .470223, .819934], 1e-6);
        Near(BiMask.Mask(s, v, 0.1), [.772498, .959869, .492556, .954983], 1e-6);
    }

    [Fact]
    public void Heads_and_channels_make_a_table()
    {
        var p = Tensor.From<double>([.1, .2, .1, .2, .1, .3], 2, 3);
        var inOrder = new UnitRanking([.. Enumerable.Range(0, 16).Select(k => -k * 0.1)], 4);
        Near(BiMask.Sparsity(p, s_table, inOrder), [1, 1, .7, .4, 1, 1, .7, .4, .6, .6, .4, .3, .6, .6, .4, .3], 1e-12);
        BiMask.ExpectedSize(p, s_table).Item().ShouldBe(10, 1e-12);
    }

    [Fact]
    public void The_mask_keeps_its_laws_for_any_logits()
    {
        var random = new SeededRandom(6);
        for (var trial = 0; trial < 40; trial++)
        {
            var table = CandidateTable.Attention(random.NextInt(1, 7), random.NextInt(2, 20));
            table = table.Without([.. table.LiveOnes.Where(c => c < table.Count - 1 && random.NextBool(0.4))]);
            var (heads, dims) = (table.MostHeads, table.MostDims);
            double[] scores = [.. Enumerable.Range(0, table.Units).Select(_ => random.NextGaussian())];
            var p = BiMask.Probabilities(Normal(random, table.Heads.Length, table.Dims.Length), table);
            p.Sum().Item().ShouldBe(1, 1e-12);
            p.ToArray<double>().Select((x, c) => table.Live[c] || x == 0).ShouldAllBe(ok => ok);
            var v = BiMask.Sparsity(p, table, new UnitRanking(scores, heads)).ToArray<double>();
            v.Sum().ShouldBe(BiMask.ExpectedSize(p, table).Item(), 1e-9);
            v.ShouldAllBe(x => x >= 0 && x <= 1 + 1e-12);
            for (var h = 0; h < heads; h++)
                for (var a = 0; a < dims; a++)
                    for (var b = 0; b < dims; b++)
                        if (scores[h * dims + a] > scores[h * dims + b]) v[h * dims + a].ShouldBeGreaterThanOrEqualTo(v[h * dims + b] - 1e-12);
        }
    }

    [Fact]
    public void Ranks_prefer_the_larger_and_then_the_lower()
    {
        var ranking = new UnitRanking([1, 5, 5, 0, 3, 3], 2);
        ranking.Kept(1, 3).ShouldBe([0, 1, 2]);
        ranking.Kept(2, 1).ShouldBe([1, 4]);
        ranking.Kept(2, 2).ShouldBe([1, 2, 4, 5]);
        new UnitRanking([2, 2, 2, 2], 1).Kept(1, 2).ShouldBe([0, 1]);
        new UnitRanking([1, 1, 1, 1], 2).Kept(1, 2).ShouldBe([0, 1]);
    }

    [Theory]
    [InlineData(new[] { .2, .3, .5 }, 1.029653, 2.520901)]
    [InlineData(new[] { .6, .4 }, .673012, 4.630919)]
    [InlineData(new[] { .9, .1 }, .325083, .089801)]
    public void The_one_hot_loss_has_known_values(double[] p, double entropy, double loss)
    {
        var tensor = Tensor.From(p);
        ArchitectureLosses.OneHot(tensor, p.Length, variance: false).Item().ShouldBe(entropy, 1e-6);
        ArchitectureLosses.OneHot(tensor, p.Length).Item().ShouldBe(loss, 1e-6);
        ArchitectureLosses.OneHot(tensor, p.Length, clamped: false).Item().ShouldBe(loss, 1e-6);
        ArchitectureLosses.OneHot(tensor.To(DType.Float32), p.Length).Item().ShouldBe(loss, 1e-4);
        // Dead candidates change nothing.
        ArchitectureLosses.OneHot(Tensor.From<double>([.. p, 0, 0]), p.Length).Item().ShouldBe(loss, 1e-6);
    }

    [Fact]
    public void Clamped_the_one_hot_loss_is_finite_at_its_poles()
    {
        foreach (double[] p in new[] { [1.0 / 3, 1.0 / 3, 1.0 / 3], (double[])[1, 0, 0], [.999999, 5e-7, 5e-7] })
        {
            var alpha = Tensor.From(p);
            alpha.RequiresGrad = true;
            var loss = ArchitectureLosses.OneHot(alpha, 3);
            double.IsFinite(loss.Item()).ShouldBeTrue();
            Autograd.Gradients(loss, [alpha])[0]!.AllFinite().ShouldBeTrue();
        }
    }

    [Fact]
    public void An_even_choice_costs_what_the_published_code_says()
    {
        var space = SearchSpace.Of(Models.Vit.VitRegistry.Find("deit_small_patch16_224")!.Architecture);
        var tables = space.Tables;
        Tensor[] sizes = [.. tables.Select(t => BiMask.ExpectedSize(BiMask.Probabilities(
            Tensor.Full([t.Heads.Length, t.Dims.Length], 0.7, DType.Float64), t), t))];
        sizes.Take(3).Select(s => s.Item()).ShouldBe([288.0, 160, 960], 1e-9);
        var cost = PublishedCost.Of(space, tables).Total(sizes);
        cost.Item().ShouldBe(1_948_383_744, 1);
        ArchitectureLosses.Budget(cost, 1e9, 4_600_557_312).Item().ShouldBe(0.212480 / 5, 1e-7);
        ArchitectureLosses.Budget(Tensor.From<double>([2.6e9]), 1e9, 4_600_557_312).Item().ShouldBe(0.604768 / 5, 1e-6);
    }

    [Fact]
    public void Trust_and_masking_follow_their_schedules()
    {
        var schedule = new OfbSchedule { Epochs = 100, FuseShare = OfbOptions.Official.SearchShare };
        (schedule.WarmUp, schedule.FuseShare).ShouldBe((20, 0.5));
        new[] { 0.0, 5, 10, 20, 60 }.Select(schedule.LambdaAt).ShouldBe([.99, .7675, .545, .1, .1], 1e-12);
        new[] { 0.0, 10, 20, 60 }.Select(schedule.GammaAt).ShouldBe([.05, .15, .25, .25], 1e-12);
        new[] { 0.0, 10, 20 }.Select(t => 196 - OfbSchedule.Masked(196, schedule.GammaAt(t))).ShouldBe([186, 166, 147]);
        OfbSchedule.Masked(49, 0).ShouldBe(0);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(25, 0)]
    [InlineData(37.5, 0.5)]
    [InlineData(50, 1)]
    [InlineData(80, 1)]
    public void A_late_one_hot_loss_grows_from_halfway_through_the_search_to_its_end(double epoch, double weight)
    {
        // A search of no length has no half.
        new OfbSchedule { Epochs = 100, OneHot = OneHotLoss.Late, FuseShare = 0 }.OneHotAt(0).ShouldBe(0);
        var schedule = new OfbSchedule { Epochs = 100, OneHot = OneHotLoss.Late, FuseShare = 0.5 };
        schedule.OneHotAt(epoch).ShouldBe(weight, 1e-12);
        (schedule with { OneHot = OneHotLoss.Whole }).OneHotAt(epoch).ShouldBe(1);
        (schedule with { OneHot = OneHotLoss.None }).OneHotAt(epoch).ShouldBe(0);
    }

    [Fact]
    public void Gradients_agree_with_central_differences()
    {
        var random = new SeededRandom(9);
        var ranking = new UnitRanking([.. Enumerable.Range(0, 16).Select(_ => random.NextGaussian())], 4);
        var weight = Normal(random, 16);
        var table = s_table.Without([1]);
        var line = Bilinear.Of((e, s) => 40 * e + 7 * s + 3 * e * s + 11);
        Check(alpha => (BiMask.Sparsity(BiMask.Probabilities(alpha, table), table, ranking) * weight).Sum(), Normal(random, 2, 3));
        Check(alpha => ArchitectureLosses.OneHot(BiMask.Probabilities(alpha, table), 5), Normal(random, 2, 3));
        Check(alpha =>
        {
            var size = BiMask.ExpectedSize(BiMask.Probabilities(alpha, table), table);
            return ArchitectureLosses.Budget(line.At(size * 0.5, size), 200, 400);
        }, Normal(random, 2, 3));
        var v = Tensor.Rand([16]).To(DType.Float64);
        Check(score => (BiMask.Mask(score, v, 0.3) * weight).Sum(), Normal(random, 16));
    }

    [Fact]
    public void A_mask_has_no_gradient_across_units()
    {
        var score = Tensor.From(s_scores);
        score.RequiresGrad = true;
        var mask = BiMask.Mask(score, Tensor.From<double>([.8, 1, .5, 1]), 0.4);
        for (var u = 0; u < 4; u++)
        {
            var gradient = Autograd.Gradients(mask.Select(0, u), [score], retainGraph: true)[0]!.ToArray<double>();
            var sigmoid = 1 / (1 + Math.Exp(-s_scores[u]));
            for (var k = 0; k < 4; k++) gradient[k].ShouldBe(k == u ? 0.4 * sigmoid * (1 - sigmoid) : 0, 1e-12);
        }
    }

    private static Tensor Normal(SeededRandom random, params long[] shape) => Tensor.From<double>(
        [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => random.NextGaussian())], shape);

    private static void Near(Tensor tensor, double[] expected, double tolerance) =>
        tensor.ToArray<double>().ShouldBe(expected, tolerance);

    private static void Check(Func<Tensor, Tensor> function, Tensor at)
    {
        const double step = 1e-5;
        at.RequiresGrad = true;
        var exact = Autograd.Gradients(function(at), [at])[0]!.ToArray<double>();
        var values = at.ToArray<double>();
        for (var k = 0; k < values.Length; k++)
        {
            double At(double moved) => function(Tensor.From<double>([.. values.Select((x, i) => i == k ? x + moved : x)], at.Shape)).Item();
            var difference = (At(step) - At(-step)) / (2 * step);
            exact[k].ShouldBe(difference, 1e-4 * Math.Max(1e-2, Math.Abs(difference)));
        }
    }
}
