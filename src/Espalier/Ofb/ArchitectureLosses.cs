using Espalier.Torch;

namespace Espalier.Ofb;

/// <summary>The losses on the architecture parameters.</summary>
public static class ArchitectureLosses
{
    /// <summary>Bounds of r in <see cref="OneHot"/>: its cotangent has poles at 0 and 1.</summary>
    private const double LeastR = 1e-3, MostR = 0.99;

    /// <summary>
    /// The adaptive one-hot loss Ent + Var over the n live candidates: Ent = −Σ p·ln p; Var = cot(πr)/n, with r the share of the spread
    /// Σ(p − 1/n)² in its largest value 1 − 1/n. It falls without bound from an even choice to a single one.
    /// </summary>
    /// <param name="p">Probabilities, 0 for the dead.</param>
    /// <param name="live">n ≥ 2.</param>
    /// <param name="clamped">Keep r away from the poles; the gradient of Var is 0 beyond.</param>
    /// <param name="variance">Without, the loss is the entropy alone.</param>
    public static Tensor OneHot(Tensor p, int live, bool clamped = true, bool variance = true)
    {
        var entropy = -(p * p.Clamp(1e-12, 1).Log()).Sum();
        if (!variance) return entropy;
        // Σ(p − 1/n)² over the live ones is Σp² − 1/n, because they add up to 1.
        var r = ((p * p).Sum() - 1.0 / live) / (1 - 1.0 / live);
        if (clamped) r = r.Clamp(LeastR, MostR);
        return entropy + (Math.PI / 2 - Math.PI * r).Tan() / live;
    }

    /// <summary>((F − target)/dense)²: the pull towards the budget, from both sides.</summary>
    public static Tensor Budget(Tensor cost, double target, double dense) => ((cost - target) / dense).Pow(2);
}
