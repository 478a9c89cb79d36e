using System.Collections.Immutable;
using Espalier.Models.Vit;

namespace Espalier.Widths;

/// <summary>The kinds of widths a structure search turns.</summary>
public enum WidthKind
{
    /// <summary>q/k dimensions of every head.</summary>
    QueryKey,
    /// <summary>v dimensions of every head.</summary>
    Value,
    /// <summary>Hidden units of the MLP.</summary>
    Hidden,
    /// <summary>Tokens left apart: minus the number that the block merges, so that, as with the others, wider costs more.</summary>
    Tokens,
}

/// <summary>One width of one block.</summary>
public readonly record struct Knob(int Block, WidthKind Kind)
{
    /// <summary>A width that is cut becomes a multiple of this; 0 and 1 allow any.</summary>
    public int MultipleOf { get; init; }

    /// <summary>Widths a search steps by: an eighth of a head, a thirty-second of an MLP.</summary>
    private const int HeadSteps = 8, HiddenSteps = 32;

    private static readonly ImmutableArray<WidthKind> s_tensorWidths = [WidthKind.QueryKey, WidthKind.Value, WidthKind.Hidden];

    /// <summary>Every width of a network that can be cut and repaired: those of its tensors.</summary>
    /// <param name="net">The network.</param>
    /// <param name="kinds">Kinds of widths that may change.</param>
    /// <param name="kept">Blocks that stay whole.</param>
    /// <param name="multipleOf">See <see cref="MultipleOf"/>.</param>
    public static ImmutableArray<Knob> Of(VitArchitecture net, IReadOnlyCollection<WidthKind> kinds, IReadOnlyCollection<int> kept, int multipleOf = 1) =>
    [
        .. from i in Enumerable.Range(0, net.Depth)
           where !kept.Contains(i) && !net.Blocks[i].IsLinear
           from kind in s_tensorWidths
           where kinds.Contains(kind) && IsThere(net.Blocks[i], kind)
           select new Knob(i, kind) { MultipleOf = multipleOf > 1 ? multipleOf : 0 },
    ];

    // Queries and keys that are normalised over a head's dimensions would not be the same with fewer.
    private static bool IsThere(VitBlock block, WidthKind kind) => kind switch
    {
        WidthKind.Hidden => block.HasMlp,
        WidthKind.QueryKey => block.HasAttention && !block.QkNorm,
        _ => block.HasAttention,
    };

    /// <summary>The width this knob has in a network.</summary>
    public int Read(VitArchitecture net) => Read(net.Blocks[Block]);

    /// <summary>The width this knob has in a block.</summary>
    public int Read(VitBlock block) => Kind switch
    {
        WidthKind.QueryKey => block.QkDim,
        WidthKind.Value => block.VDim,
        WidthKind.Tokens => -block.TokensMerged,
        _ => block.MlpHidden,
    };

    /// <summary>The network with this width set, the factor on its logits left as it was.</summary>
    public VitArchitecture Write(VitArchitecture net, int width) => net with { Blocks = net.Blocks.SetItem(Block, Write(net.Blocks[Block], width)) };

    /// <summary>The block with this width set.</summary>
    public VitBlock Write(VitBlock block, int width) => Kind switch
    {
        WidthKind.QueryKey => block with
        {
            QkDim = width,
            AttentionScale = block.AttentionScale ?? (width == block.QkDim ? null : 1 / Math.Sqrt(block.QkDim)),
        },
        WidthKind.Value => block with { VDim = width },
        WidthKind.Tokens => block with { TokensMerged = -width },
        _ => block with { MlpHidden = width },
    };

    /// <summary>The step a search changes this width by, out of the given network's.</summary>
    public int Step(VitArchitecture given) => Up(Math.Max(1, Read(given) / (Kind == WidthKind.Hidden ? HiddenSteps : HeadSteps)));

    /// <summary>The smallest change of this width.</summary>
    public int Least => Math.Max(1, MultipleOf);

    /// <summary>The widest allowed width up to <paramref name="width"/>, or the narrowest there is; the given network's own is always allowed.</summary>
    public int Down(int width, VitArchitecture given) =>
        width >= Read(given) || Kind == WidthKind.Tokens ? width : Math.Min(Read(given), Math.Max(width / Least, 1) * Least);

    private int Up(int width) => (width + Least - 1) / Least * Least;
}
