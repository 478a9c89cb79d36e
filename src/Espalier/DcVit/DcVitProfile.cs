namespace Espalier.DcVit;

/// <summary>
/// The choices in which the published code differs from a corrected method; every one can be set by itself with <c>with</c>.
/// </summary>
public sealed record DcVitProfile
{
    /// <summary><c>clean</c> or <c>official</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Added to D·ρ before it is rounded down: 1e-4 undoes the rounding of targets typed with nine digits (§11-2).</summary>
    public required double RoundingGuard { get; init; }

    /// <summary>LayerNorm epsilon of a compressed block; null keeps the teacher's (§11-1).</summary>
    public required double? CompressedNormEps { get; init; }

    /// <summary>Last candidate block, besides the bound L−2; null means that bound alone (§11-7).</summary>
    public required int? LastCandidate { get; init; }

    /// <summary>By default the smallest k whose ρ is at least this is chosen; 0 means the smallest k of all (§2.2).</summary>
    public required double PreferredMlpRatio { get; init; }

    /// <summary>Keep the synthetic set as stretched JPEGs that are resized and renormalised on loading (§11-4).</summary>
    public required bool LossyMetricSet { get; init; }

    /// <summary>Draw kept units from one generator for the whole run, so that they depend on what ran before (§11-11).</summary>
    public required bool GlobalUnitRandom { get; init; }

    /// <summary>
    /// Solves the last convolution of a narrowed block anew, in closed form, before it is finetuned; no part of the paper.
    /// </summary>
    public bool Repair { get; init; }

    /// <summary>Each progressive step goes on from the student of the one before; else from the teacher.</summary>
    public bool CarryOver { get; init; } = true;

    /// <summary>Rank the remaining blocks anew after each progressive step.</summary>
    public bool Rerank { get; init; }

    /// <summary>
    /// Candidates are trained only where they were cut (<see cref="Finetuning.LocalRecovery"/>) before they are scored, and in less of the time;
    /// no part of the paper. The best one is then finetuned like the cuts after it, as no candidate has been.
    /// </summary>
    public bool LocalRanking { get; init; }

    /// <summary>The corrected method; the default.</summary>
    public static DcVitProfile Clean { get; } = new()
    {
        Name = "clean",
        RoundingGuard = 1e-4,
        CompressedNormEps = null,
        LastCandidate = null,
        PreferredMlpRatio = 0.5,
        LossyMetricSet = false,
        GlobalUnitRandom = false,
    };

    /// <summary>The published code, faults included.</summary>
    public static DcVitProfile Official { get; } = new()
    {
        Name = "official",
        RoundingGuard = 0,
        CompressedNormEps = 1e-5,
        LastCandidate = 10,
        PreferredMlpRatio = 0,
        LossyMetricSet = true,
        GlobalUnitRandom = true,
    };

    /// <summary>The profile of a name.</summary>
    /// <exception cref="UsageException">The name is neither <c>clean</c> nor <c>official</c>.</exception>
    public static DcVitProfile Parse(string name) => name switch
    {
        "clean" => Clean,
        "official" => Official,
        _ => throw new UsageException($"There is no profile {name}; the profiles are clean and official.") { Settings = [nameof(DcVitOptions.Profile)] },
    };
}
