using System.Collections.Immutable;
using Espalier.Models;

namespace Espalier.Widths;

/// <summary>
/// One width of one block, which a search turns up or down by itself. OFB's <see cref="SearchSpaces.Submodule"/> is coarser: an attention's heads and
/// channels, or the residual stream, together, out of a table of sizes.
/// </summary>
public readonly record struct Knob(int Block, WidthKind Kind)
{
    /// <summary>A width that is cut becomes a multiple of this; 0 and 1 allow any.</summary>
    public int MultipleOf { get; init; }

    /// <summary>Widths a search steps by: an eighth of a head, a thirty-second of an MLP.</summary>
    private const int HeadSteps = 8, HiddenSteps = 32;

    /// <summary>Every width of a network that can be cut and repaired: those of its tensors.</summary>
    /// <param name="net">The network.</param>
    /// <param name="kinds">Kinds of widths that may change.</param>
    /// <param name="kept">Blocks that stay whole.</param>
    /// <param name="multipleOf">See <see cref="MultipleOf"/>.</param>
    /// <exception cref="UsageException">A block that is to stay does not exist.</exception>
    public static ImmutableArray<Knob> Of(Architecture net, IReadOnlyCollection<WidthKind> kinds, IReadOnlyCollection<int> kept, int multipleOf = 1)
    {
        foreach (var block in kept)
            if (block < 0 || block >= net.Depth) throw new UsageException($"Block {block} is to stay; {net.Name} has blocks 0 to {net.Depth - 1}.") { Settings = ["Keep"] };
        return
        [
            .. from i in Enumerable.Range(0, net.Depth)
               where !kept.Contains(i)
               from kind in net.Widths(i)
               where kinds.Contains(kind)
               select new Knob(i, kind) { MultipleOf = multipleOf > 1 ? multipleOf : 0 },
        ];
    }

    /// <summary>The width this knob has in a network.</summary>
    public int Read(Architecture net) => net.Width(Block, Kind);

    /// <summary>The network with this width set.</summary>
    public T Write<T>(T net, int width) where T : Architecture => (T)net.WithWidth(Block, Kind, width);

    /// <summary>The step a search changes this width by, out of the given network's.</summary>
    public int Step(Architecture given) => Up(Math.Max(1, Read(given) / (Kind == WidthKind.Hidden ? HiddenSteps : HeadSteps)));

    /// <summary>The smallest change of this width.</summary>
    public int Least => Math.Max(1, MultipleOf);

    /// <summary>The widest allowed width up to <paramref name="width"/>, or the narrowest there is; the given network's own is always allowed.</summary>
    public int Down(int width, Architecture given) =>
        Kind == WidthKind.Tokens ? width : width >= Read(given) ? Read(given) : Math.Min(Read(given), Math.Max(width / Least, 1) * Least);

    private int Up(int width) => (width + Least - 1) / Least * Least;
}
