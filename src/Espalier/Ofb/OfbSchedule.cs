namespace Espalier.Ofb;

/// <summary>What changes with the (fractional) epoch t: trust in S, share of masked patches, weight of the one-hot loss. Described by shares of the run.</summary>
public sealed record OfbSchedule
{
    /// <summary>Epochs of the run, search and recovery.</summary>
    public required double Epochs { get; init; }

    /// <summary>W: epochs over which λ falls, γ rises and the learning rate warms up.</summary>
    public double WarmUp => WarmUpShare * Epochs;

    /// <summary>W as a share of the run, in [0, 1]; a search that is over earlier sees λ and γ on their way.</summary>
    public double WarmUpShare { get; init; } = 0.2;

    /// <summary>When the search must be over and the gains are folded, as a share of the run, in [0, 1].</summary>
    public required double FuseShare { get; init; }

    /// <summary>λ at the start and from W on.</summary>
    public (double First, double Last) Lambda { get; init; } = (0.99, 0.1);

    /// <summary>Share of masked patches at the start and from W on; null masks none.</summary>
    public (double First, double Last)? Gamma { get; init; } = (0.05, 0.25);

    /// <summary>Weight of the importance in the bi-mask.</summary>
    public double LambdaAt(double epoch) => Ramp(Lambda, epoch);

    public double GammaAt(double epoch) => Gamma is { } gamma ? Ramp(gamma, epoch) : 0;

    /// <summary>When the one-hot loss acts.</summary>
    public OneHotLoss OneHot { get; init; } = OneHotLoss.Whole;

    /// <summary>Weight of the one-hot loss, in [0, 1].</summary>
    public double OneHotAt(double epoch) => OneHot switch
    {
        OneHotLoss.Whole => 1,
        OneHotLoss.Late when FuseShare > 0 => Math.Clamp(2 * epoch / (FuseShare * Epochs) - 1, 0, 1),
        _ => 0,
    };

    /// <summary>Patches of <paramref name="all"/> that are masked: those beyond the whole number that is kept.</summary>
    public static int Masked(int all, double gamma) => all - (int)Math.Floor(all * (1 - gamma) + 1e-9);

    private double Ramp((double First, double Last) ends, double epoch) =>
        epoch >= WarmUp ? ends.Last : ends.First + (ends.Last - ends.First) * epoch / WarmUp;
}
