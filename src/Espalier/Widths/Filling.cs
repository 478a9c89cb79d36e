using Espalier.Budget;
using Espalier.Models;

namespace Espalier.Widths;

/// <summary>Brings a structure to just below its limit by hidden units, the finest widths there are, spread over all blocks; by heads where those are not enough.</summary>
public static class Filling
{
    /// <summary>Takes hidden units away until the limit is met, or steps of heads where there are none to take, then gives back as many as fit.</summary>
    /// <param name="net">The structure.</param>
    /// <param name="given">The network it comes from: no width grows beyond it.</param>
    /// <param name="limit">What must be met.</param>
    /// <param name="knobs">Widths that may change.</param>
    public static T Fill<T>(T net, Architecture given, Limit limit, IReadOnlyCollection<Knob> knobs) where T : Architecture
    {
        var hidden = knobs.Where(k => k.Kind == WidthKind.Hidden).ToList();
        var heads = knobs.Where(k => k.Kind is WidthKind.QueryKey or WidthKind.Value).ToList();
        while (!limit.Met(net.Cost()) && (Narrower(hidden, _ => 1) ?? Narrower(heads, k => k.Step(given))) is { } less) net = less;
        while (Wider(hidden, k => k.Least) is { } more) net = more;
        // Where all have their hidden units back, heads have to make up the rest.
        while (Wider(heads, k => k.Step(given)) is { } more) net = more;
        return net;

        // From where most is left, so that what is taken is spread.
        T? Narrower(IEnumerable<Knob> some, Func<Knob, int> step)
        {
            var shrinkable = some.Where(k => k.Read(net) > k.Least).ToList();
            if (shrinkable.Count == 0) return null;
            var widest = shrinkable.MaxBy(k => k.Read(net) / (double)k.Read(given));
            return widest.Write(net, widest.Down(widest.Read(net) - step(widest), given));
        }

        // To where least is left; units of some blocks cost less than those of others, and may still fit when those do not.
        T? Wider(IEnumerable<Knob> some, Func<Knob, int> step) => some.Where(k => k.Read(net) < k.Read(given)).OrderBy(k => k.Read(net) / (double)k.Read(given))
            .Select(k => k.Write(net, k.Down(k.Read(net) + step(k), given))).FirstOrDefault(n => limit.Met(n.Cost()));
    }
}
