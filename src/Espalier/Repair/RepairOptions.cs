namespace Espalier.Repair;

/// <summary>
/// Which inputs of the layer after a cut stay: hidden units of an MLP, inner channels of a convolutional block, heads and value dimensions of an
/// attention. They are judged by what they give on the images that the repair looks at anyway, of which <see cref="Baselines.UnitRule"/> sees none:
/// nothing but chance, their control, is common to both.
/// </summary>
public enum RepairUnitChoice
{
    /// <summary>By <see cref="Elimination"/>: those the others can least stand in for.</summary>
    Elimination,
    /// <summary>By variance times the norm of their column of that layer (VBP).</summary>
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

    /// <summary>Choose what goes by what an error in each channel means to the answer; off counts all channels alike.</summary>
    public bool WeighChannels { get; init; } = true;

    /// <summary>λ of the regression that makes up for the inputs a cut took, as a fraction of the inputs' mean second moment.</summary>
    public double Compensation { get; init; } = 0.1;

    /// <summary>λ of the regression that makes up for what earlier cuts left: less of it can be told from few images.</summary>
    public double Correction { get; init; } = 1;

    /// <summary>How much of the correction is applied, in [0, 1].</summary>
    public double CorrectionShare { get; init; } = 0.5;

    /// <summary>One λ for a single regression that makes up for both at once; null takes them apart.</summary>
    public double? Strength { get; init; }

    /// <summary>
    /// Choose that one λ layer by layer on images left out, which takes longer and leaves the network's answers no closer
    /// (<c>docs/results/espalier.md</c>).
    /// </summary>
    public bool LeaveOut { get; init; }

    public ulong Seed { get; init; }

    /// <summary>Every value out of its range.</summary>
    internal void AddFaults(FaultList faults)
    {
        faults.Unless(Damping is > 0 and <= 1, $"damping {Damping} (in (0, 1])");
        faults.Unless(Compensation > 0 && double.IsFinite(Compensation), $"compensation {Compensation} (above 0)");
        faults.Unless(Correction > 0 && double.IsFinite(Correction), $"correction {Correction} (above 0)");
        faults.Unless(CorrectionShare is >= 0 and <= 1, $"correction_share {CorrectionShare} (in [0, 1])");
        faults.Unless(Strength is null || (Strength > 0 && double.IsFinite(Strength.Value)), $"strength {Strength} (above 0)");
    }
}
