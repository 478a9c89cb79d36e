using System.Collections.Immutable;
using Espalier.Models;

namespace Espalier.Widths;

/// <summary>One width of one block.</summary>
public readonly record struct Knob(int Block, WidthKind Kind)
{
    /// <summary>Widths a search steps by: an eighth of a head, a thirty-second of an MLP.</summary>
    private const int HeadSteps = 8, HiddenSteps = 32;

    /// <summary>Every width of a network that can be cut and repaired: those of its tensors.</summary>
    public static ImmutableArray<Knob> Of(Architecture net, IReadOnlyCollection<WidthKind> kinds, IReadOnlyCollection<int> kept) =>
    [
        .. from i in Enumerable.Range(0, net.Depth)
           where !kept.Contains(i)
           from kind in net.Widths(i)
           where kinds.Contains(kind)
           select new Knob(i, kind),
    ];

    /// <summary>The width this knob has in a network.</summary>
    public int Read(Architecture net) => net.Width(Block, Kind);

    /// <summary>The network with this width set.</summary>
    public T Write<T>(T net, int width) where T : Architecture => (T)net.WithWidth(Block, Kind, width);

    /// <summary>The step a search changes this width by, out of the given network's.</summary>
    public int Step(Architecture given) => Math.Max(1, Read(given) / (Kind == WidthKind.Hidden ? HiddenSteps : HeadSteps));
}
