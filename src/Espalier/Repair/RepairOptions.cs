namespace Espalier.Repair;

/// <summary>Which hidden units of an MLP stay.</summary>
public enum RepairUnitChoice
{
    /// <summary>By <see cref="Elimination"/>: those the others can least stand in for.</summary>
    Elimination,
    /// <summary>By variance times the norm of their column of fc2 (VBP).</summary>
    Variance,
    /// <summary>By chance, as DC-ViT does.</summary>
    Random,
}

/// <summary>Switches of the closed-form repair. The defaults are the method; the rest is for comparison.</summary>
public sealed record RepairOptions
{
    public RepairUnitChoice UnitChoice { get; init; } = RepairUnitChoice.Elimination;

    /// <summary>Solve for the layers after a cut; off leaves the sliced weights as they are.</summary>
    public bool Solve { get; init; } = true;

    /// <summary>Also solve for layers nothing was cut from, so that they make up for what came before.</summary>
    public bool RefitWhole { get; init; } = true;

    /// <summary>Weigh tokens by what they mean to the answer; off weighs all alike.</summary>
    public bool WeighTokens { get; init; } = true;

    /// <summary>Share of the way from the weights a layer has to the solution, in (0, 1].</summary>
    public double Damping { get; init; } = 1;

    /// <summary>
    /// λ as a fraction of the inputs' mean second moment; null chooses it layer by layer on images left out, which takes longer and leaves the
    /// network's answers as close (<c>docs/results/espalier.md</c>).
    /// </summary>
    public double? Strength { get; init; } = 1;

    public ulong Seed { get; init; }

    /// <summary>Every value out of its range.</summary>
    internal IEnumerable<string> Faults()
    {
        if (Damping is not (> 0 and <= 1)) yield return $"damping {Damping} (in (0, 1])";
        if (Strength is { } strength && !(strength > 0 && double.IsFinite(strength))) yield return $"strength {strength} (above 0)";
    }
}
