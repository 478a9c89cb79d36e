using Espalier.Budget;
using Espalier.Models.Vit;

namespace Espalier.Widths;

/// <summary>Brings a structure to just below its limit by hidden units, the finest widths there are, spread over all blocks.</summary>
public static class Filling
{
    /// <summary>Takes hidden units away until the limit is met, then gives back as many as fit.</summary>
    /// <param name="net">The structure.</param>
    /// <param name="given">The network it comes from: no width grows beyond it.</param>
    /// <param name="limit">What must be met.</param>
    /// <param name="knobs">Widths that may change.</param>
    public static VitArchitecture Fill(VitArchitecture net, VitArchitecture given, Limit limit, IReadOnlyCollection<Knob> knobs)
    {
        var hidden = knobs.Where(k => k.Kind == WidthKind.Hidden).ToList();
        while (!limit.Met(VitCost.Of(net)))
        {
            if (hidden.Where(k => k.Read(net) > k.Least).ToList() is not { Count: > 0 } shrinkable) break;
            // From where most is left, so that the units taken are spread.
            var widest = shrinkable.MaxBy(k => k.Read(net) / (double)k.Read(given));
            net = widest.Write(net, widest.Down(widest.Read(net) - 1, given));
        }
        while (hidden.Where(k => k.Read(net) < k.Read(given)).ToList() is { Count: > 0 } growable)
        {
            var narrowest = growable.MinBy(k => k.Read(net) / (double)k.Read(given));
            var wider = narrowest.Write(net, Math.Min(narrowest.Down(narrowest.Read(net) + narrowest.Least, given), narrowest.Read(given)));
            if (!limit.Met(VitCost.Of(wider))) break;
            net = wider;
        }
        return net;
    }
}
