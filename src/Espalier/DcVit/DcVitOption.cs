using Espalier.Models;

namespace Espalier.DcVit;

/// <summary>One structure that meets the target.</summary>
/// <param name="Blocks">k: blocks that are compressed.</param>
/// <param name="MlpRatio">ρ: hidden units kept per embedding dimension, before rounding; the dense block has 4.</param>
/// <param name="Hidden">h: hidden units kept in each of the k blocks.</param>
/// <param name="Cost">Cost of the whole network.</param>
public sealed record DcVitOption(int Blocks, double MlpRatio, int Hidden, Cost Cost);
