namespace Espalier.FewShot;

/// <summary>One round of a structure search.</summary>
/// <param name="Kl">KL from the given network on the images that judged the round, in nats, mean per image; they were not fitted to.</param>
/// <param name="Moves">Widths changed since the round before.</param>
/// <param name="Fold">Which part of the images judged: only rounds of one part can be compared, and the result is the best of part 0.</param>
public sealed record SearchPoint(double Kl, int Moves, int Fold);
