using System.Collections.Immutable;
using Espalier.Models;

namespace Espalier.DcVit;

/// <summary>One structure that meets the target.</summary>
/// <param name="Blocks">k: blocks that are compressed.</param>
/// <param name="MlpRatio">ρ: hidden units kept per embedding dimension, before rounding; the dense block has 4.</param>
/// <param name="Units">h of every candidate, should it be compressed; the same for all unless stages differ in width.</param>
/// <param name="Cost">Cost of the whole network; where stages differ, the most it can be.</param>
public sealed record DcVitOption(int Blocks, double MlpRatio, ImmutableArray<int> Units, Cost Cost)
{
    /// <summary>h: hidden units kept in each of the k blocks; null where stages differ.</summary>
    public int? Hidden => Units.Distinct().Count() == 1 ? Units[0] : null;
}
