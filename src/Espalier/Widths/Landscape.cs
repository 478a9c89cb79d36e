using Espalier.Models;

namespace Espalier.Widths;

/// <summary>
/// What single changes around one structure, or around several of a search, say together. Few images tell little of each: whoever takes the best of many changes takes the chance in it, too.
/// So the growth of the KL by a change of cost d from the start is read as −g·d + ½c·d², with one curvature c for all widths of a kind; the slopes g of a kind follow a
/// parabola over the depth of the network, and each is drawn towards it, the further the less of what sets them apart the images' own error leaves
/// unexplained (empirical Bayes). What is left is a convex problem: every width moves to where its marginal gain is the price all pay.
/// </summary>
internal sealed class Landscape
{
    private const int Bisections = 100;
    // A trend takes three numbers: of fewer widths than twice as many it would explain everything.
    private const int LeastForTrend = 6;

    /// <param name="Knob">The width.</param>
    /// <param name="Slope">g where the search started, KL gained per cost added.</param>
    /// <param name="Curvature">c, not negative.</param>
    /// <param name="Least">The furthest change down that was tried, as a cost; not above 0.</param>
    /// <param name="Most">The furthest change up that was tried; not below 0.</param>
    /// <param name="PerWidth">Cost of a unit of the width.</param>
    private sealed record Part(Knob Knob, double Slope, double Curvature, double Least, double Most, double PerWidth)
    {
        /// <summary>The change of cost at which the next unit gains <paramref name="price"/>, within what was tried.</summary>
        internal double At(double price) => Curvature > 0 ? Math.Clamp((Slope - price) / Curvature, Least, Most) : Slope > price ? Most : Least;
    }

    private readonly List<Part> _parts;

    /// <param name="seen">Steps down and up, of one round of a search or of several.</param>
    internal Landscape(IEnumerable<Slope> seen) =>
        _parts = [.. seen.Where(s => double.IsFinite(s.GainPerCost)).GroupBy(s => s.Knob.Kind).SelectMany(kind => Fit([.. kind.GroupBy(s => s.Knob)]))];

    /// <summary>g of every width, KL gained per cost added, as it is to be expected on other images.</summary>
    internal IReadOnlyDictionary<Knob, double> Gains => _parts.ToDictionary(p => p.Knob, p => p.Slope);

    /// <summary>The structure with its widths where they should be, at the same cost but for rounding.</summary>
    /// <param name="start">Where the search started.</param>
    /// <param name="given">The whole network, which says by what steps widths change.</param>
    internal T Best<T>(T start, Architecture given) where T : Architecture
    {
        var bounds = _parts.SelectMany(p => new[] { p.Slope - p.Curvature * p.Least, p.Slope - p.Curvature * p.Most }).ToList();
        if (bounds.Count == 0) return start;
        var (low, high) = (bounds.Min() - 1e-30, bounds.Max() + 1e-30);
        for (var k = 0; k < Bisections; k++)
        {
            var price = (low + high) / 2;
            (low, high) = _parts.Sum(p => p.At(price)) > 0 ? (price, high) : (low, price);
        }
        return _parts.Select(part => (part.Knob, Width: Width(part, part.At(high), start, given))).Where(p => p.Width != p.Knob.Read(start))
            .Aggregate(start, (net, part) => part.Knob.Write(net, part.Width));
    }

    private static int Width(Part part, double cost, Architecture start, Architecture given)
    {
        // Hidden units carry the exact size; of head widths only every eighth is of use.
        var least = part.Knob.Kind == WidthKind.Hidden ? part.Knob.Least : part.Knob.Step(given);
        return part.Knob.Down(part.Knob.Read(start) + (int)Math.Round(cost / part.PerWidth / least) * least, given);
    }

    private static IEnumerable<Part> Fit(IReadOnlyList<IGrouping<Knob, Slope>> knobs)
    {
        var curvature = Curvature(knobs);
        var drawn = Drawn([.. knobs.Select(k => Own(k, curvature))]);
        return knobs.Select((k, i) => new Part(k.Key, drawn[i], curvature, Math.Min(0, k.Min(s => s.From + s.Cost)), Math.Max(0, k.Max(s => s.From + s.Cost)),
            k.First().Cost / k.First().Steps));
    }

    // How the growth per cost, −g + c·(middle of the step), changes between steps of one width from one place: what else sets widths and rounds
    // apart is in g. Least squares, as exact as growths are alike in error; steps all one way say nothing.
    private static double Curvature(IEnumerable<IGrouping<Knob, Slope>> knobs)
    {
        var (products, squares) = (0.0, 0.0);
        foreach (var steps in knobs.SelectMany(k => k.GroupBy(s => s.From)).Where(k => k.Any(s => s.Cost < 0) && k.Any(s => s.Cost > 0)))
        {
            var weight = steps.Sum(s => s.Cost * s.Cost);
            var (middle, growth) = (steps.Sum(s => s.Cost * s.Cost * Middle(s)) / weight, steps.Sum(s => s.Cost * Growth(s)) / weight);
            products += steps.Sum(s => s.Cost * (Middle(s) - middle) * (Growth(s) - s.Cost * growth));
            squares += steps.Sum(s => Math.Pow(s.Cost * (Middle(s) - middle), 2));
        }
        return squares > 0 ? Math.Max(0, products / squares) : 0;
    }

    private static double Middle(Slope step) => step.From + step.Cost / 2;

    // Least squares over the steps of one width; the position over the depth is its block.
    private static (double Block, double Slope, double Variance) Own(IGrouping<Knob, Slope> knob, double curvature)
    {
        var squares = knob.Sum(s => s.Cost * s.Cost);
        var slope = knob.Sum(s => s.Cost * (curvature * s.Cost * Middle(s) - Growth(s))) / squares;
        var variance = knob.Sum(s => Math.Pow(s.Cost * s.Cost * s.Error, 2)) / (squares * squares);
        return (knob.Key.Block, slope, variance);
    }

    private static double Growth(Slope step) => -step.GainPerCost * step.Cost;

    private static double[] Drawn((double Block, double Slope, double Variance)[] own)
    {
        var terms = own.Length >= LeastForTrend ? 3 : 1;
        if (own.Length <= terms) return [.. own.Select(o => o.Slope)];
        var trend = Trend(own, terms);
        var left = own.Sum(o => Math.Pow(o.Slope - trend(o.Block), 2)) / (own.Length - terms);
        var real = Math.Max(0, left - own.Average(o => o.Variance));
        return [.. own.Select(o => real + o.Variance is > 0 and var all ? trend(o.Block) + (o.Slope - trend(o.Block)) * real / all : o.Slope)];
    }

    // Least squares of a polynomial over the depth, by Gram-Schmidt on the blocks: one orthogonal term after the other.
    private static Func<double, double> Trend((double Block, double Slope, double Variance)[] own, int terms)
    {
        var mean = own.Average(o => o.Block);
        var spread = own.Average(o => Math.Pow(o.Block - mean, 2));
        var skew = spread > 0 ? own.Average(o => Math.Pow(o.Block - mean, 3)) / spread : 0;
        Func<double, double>[] basis = [_ => 1, b => b - mean, b => Math.Pow(b - mean, 2) - skew * (b - mean) - spread];
        var weights = basis.Take(terms).Select(f => own.Sum(o => f(o.Block) * f(o.Block)) is > 0 and var norm ? own.Sum(o => f(o.Block) * o.Slope) / norm : 0).ToArray();
        return block => weights.Select((w, k) => w * basis[k](block)).Sum();
    }
}
