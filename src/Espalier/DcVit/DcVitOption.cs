using System.Collections.Immutable;
using Espalier.Models;

namespace Espalier.DcVit;

/// <summary>A number of blocks whose edit meets the target.</summary>
/// <param name="Blocks">k: blocks that are edited.</param>
/// <param name="Ratio">
/// How much of a block stays: ρ, hidden units per embedding dimension before rounding, of which the dense block has 4; of a convolutional
/// block the share of its inner channels; null where the edit leaves no choice.
/// </param>
/// <param name="Units">Hidden units, or inner channels, that stay of every candidate, should it be edited.</param>
/// <param name="Cost">Cost of the whole network; where blocks differ, the most it can be.</param>
public sealed record DcVitOption(int Blocks, double? Ratio, ImmutableArray<int> Units, Cost Cost)
{
    /// <summary>h: hidden units kept in each of the k blocks; null where they differ.</summary>
    public int? Hidden => Units.Distinct().Count() == 1 ? Units[0] : null;
}
