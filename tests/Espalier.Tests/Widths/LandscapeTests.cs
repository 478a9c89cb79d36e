using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.Widths;

namespace Espalier.Tests.Widths;

public class LandscapeTests
{
    private const int Depth = 12, Step = 48;
    private static readonly VitArchitecture s_net = VitRegistry.Find("vit_tiny_patch16_224")!.Architecture;
    private static readonly VitArchitecture s_cut = s_net.WithBlocks(b => b with { MlpHidden = 576, QkDim = 32 });

    [Fact]
    public void What_is_known_exactly_is_taken_as_it_is()
    {
        double[] gains = [5, 1, 4, 2, 8, 3, 7, 2, 9, 4, 1, 6];
        Gains(new Landscape(Seen(gains, curvature: 2, error: 0))).ShouldBe(gains, 1e-9);
        Gains(new Landscape(Seen(gains, curvature: 0, error: 0))).ShouldBe(gains, 1e-9);
    }

    [Fact]
    public void What_is_all_chance_becomes_a_parabola_over_the_depth()
    {
        double Parabola(int block) => 3 + 0.5 * block - 0.1 * block * block;
        double[] gains = [.. Enumerable.Range(0, Depth).Select(b => Parabola(b) + (b % 2 == 0 ? 1 : -1))];
        var drawn = Gains(new Landscape(Seen(gains, curvature: 1, error: 100)));
        // Third differences of a parabola are none; the zigzag, whose are 8, is nearly orthogonal to any.
        for (var b = 0; b + 3 < Depth; b++) (drawn[b + 3] - 3 * drawn[b + 2] + 3 * drawn[b + 1] - drawn[b]).ShouldBe(0, 1e-9);
        drawn.Zip(Enumerable.Range(0, Depth).Select(Parabola)).ShouldAllBe(pair => Math.Abs(pair.First - pair.Second) < 0.4);
        Gains(new Landscape(Seen([1, 3, 2], curvature: 1, error: 100))).ShouldBe([2, 2, 2], 1e-9);
    }

    [Theory]
    [InlineData(0.3)]
    [InlineData(1)]
    [InlineData(3)]
    public void What_is_drawn_is_nearer_to_the_truth_than_what_was_seen(double error)
    {
        var random = new SeededRandom(1, "landscape");
        double seen = 0, drawn = 0;
        for (var trial = 0; trial < 200; trial++)
        {
            double[] truth = [.. Enumerable.Range(0, Depth).Select(b => 0.3 * b + random.NextGaussian())];
            double[] told = [.. truth.Select(t => t + error * random.NextGaussian())];
            // One step of two has the error √2 times that of their mean.
            seen += Distance(told, truth);
            drawn += Distance(Gains(new Landscape(Seen(told, curvature: 1, error * Math.Sqrt(2)))), truth);
        }
        drawn.ShouldBeLessThan(seen);

        static double Distance(double[] a, double[] b) => a.Zip(b, (x, y) => (x - y) * (x - y)).Sum();
    }

    [Fact]
    public void Widths_move_from_where_they_gain_little_to_where_they_gain_much_at_the_same_cost()
    {
        double[] gains = [.. Enumerable.Range(0, Depth).Select(b => (double)b)];
        var best = new Landscape(Seen(gains, curvature: 4, error: 0)).Best(s_cut, s_net);
        int[] widths = [.. best.Blocks.Select(b => b.MlpHidden)];
        widths.ShouldBeInOrder();
        widths[0].ShouldBe(576 - Step);
        widths[^1].ShouldBe(576 + Step);
        // Half a unit may be rounded away or added in every block.
        widths.Sum().ShouldBeInRange(Depth * 576 - Depth / 2, Depth * 576 + Depth / 2);
        // Where gains differ by less than a step's curvature, widths are in between: all then gain the same.
        var moved = new Landscape(Seen(gains, curvature: 40, error: 0)).Best(s_cut, s_net).Blocks.Select(b => (b.MlpHidden - 576.0) / Step).ToArray();
        moved.Select((x, b) => gains[b] - 40 * x).ShouldAllBe(marginal => Math.Abs(marginal - 5.5) < 0.5);
    }

    [Fact]
    public void Alike_gains_nothing_seen_and_answers_that_are_no_numbers_move_nothing()
    {
        new Landscape(Seen([.. Enumerable.Repeat(3.0, Depth)], curvature: 1, error: 1)).Best(s_cut, s_net).ShouldBeSameAs(s_cut);
        new Landscape([]).Best(s_cut, s_net).ShouldBeSameAs(s_cut);
        new Landscape([new Slope(new Knob(0, WidthKind.Hidden), 600, 1, double.NegativeInfinity) { Steps = 24 }]).Best(s_cut, s_net).ShouldBeSameAs(s_cut);
    }

    [Fact]
    public void Head_widths_move_by_eighths_and_never_beyond_what_was_tried()
    {
        // Only steps down of a width that is whole: at least one block must pay for what hidden units gain.
        Slope[] down = [.. Enumerable.Range(0, Depth).Select(b => new Slope(new Knob(b, WidthKind.Value), 48, -1, b) { Steps = -16 })];
        var best = new Landscape([.. down, .. Seen([.. Enumerable.Repeat(5.5, Depth)], curvature: 0.1, error: 0)]).Best(s_cut, s_net);
        best.Blocks.Select(b => b.VDim).ShouldBe([48, 48, 48, 48, 48, 48, 64, 64, 64, 64, 64, 64]);
        best.Blocks.ShouldAllBe(b => b.MlpHidden == 576 + Step / 2);
    }

    /// <summary>A width that stayed where it was is tried again at the same place; one that is whole only ever a step down.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void What_was_seen_again_says_the_same(int rounds)
    {
        double[] gains = [.. Enumerable.Range(0, Depth).Select(b => (double)b)];
        var both = Seen(gains, curvature: 40, error: 0);
        List<Slope> down = [.. both.Where(s => s.Cost < 0)];
        List<Slope> some = [.. both.Where(s => s.Knob.Block < 6), .. down.Where(s => s.Knob.Block >= 6)];
        foreach (var once in new[] { both, some })
        {
            var often = new Landscape(Enumerable.Repeat(once, rounds).SelectMany(s => s));
            Gains(often).ShouldBe(gains, 1e-9);
            often.Best(s_cut, s_net).Blocks.Select(b => b.MlpHidden).ShouldBe(new Landscape(once).Best(s_cut, s_net).Blocks.Select(b => b.MlpHidden));
        }
        // Steps one way alone tell no curvature: their growth is the slope.
        Gains(new Landscape([.. down, .. down])).ShouldBe([.. gains.Select(g => g + 20)], 1e-9);
    }

    [Fact]
    public void Steps_of_unlike_length_tell_the_curvature_too()
    {
        double[] gains = [5, 1, 4, 2, 8, 3, 7, 2, 9, 4, 1, 6];
        Slope[] seen = [.. from b in Enumerable.Range(0, Depth)
            from cost in new[] { -1.0, 0.25 }
            select new Slope(new Knob(b, WidthKind.Hidden), 576 + (int)(cost * Step), cost, gains[b] - 1.5 * cost) { Steps = (int)(cost * Step) }];
        Gains(new Landscape(seen)).ShouldBe(gains, 1e-9);
    }

    [Fact]
    public void What_was_seen_elsewhere_is_read_from_the_start_and_reaches_as_far_as_it_was_tried()
    {
        // The same quadratic, looked at half a step further up: g·d − ½c·d² around x = ½ has the slope g − c·x there.
        double[] gains = [.. Enumerable.Range(0, Depth).Select(b => (double)b)];
        var here = Seen(gains, curvature: 1, error: 0);
        var there = Seen([.. gains.Select(g => g - 0.5)], curvature: 1, error: 0).Select(s => s with { From = 0.5, Width = s.Width + Step / 2 });
        Gains(new Landscape([.. here, .. there])).ShouldBe(gains, 1e-9);
        Gains(new Landscape(there)).ShouldBe(gains, 1e-9);
        new Landscape([.. here, .. there]).Best(s_cut, s_net).Blocks.Max(b => b.MlpHidden).ShouldBe(576 + Step * 3 / 2);
    }

    private static double[] Gains(Landscape landscape) => [.. landscape.Gains.OrderBy(g => g.Key.Block).Select(g => g.Value)];

    // Steps of the hidden units of every block, a unit of cost down and up: KL grows by -g·d + ½c·d².
    private static List<Slope> Seen(double[] gains, double curvature, double error) =>
        [.. from b in Enumerable.Range(0, gains.Length)
            from cost in new[] { -1.0, 1.0 }
            select new Slope(new Knob(b, WidthKind.Hidden), 576 + (int)cost * Step, cost, gains[b] - curvature / 2 * cost) { Error = error, Steps = (int)cost * Step }];
}
