using System.Collections.Immutable;

namespace Espalier.Reports;

/// <summary>How a search went from all widths to the chosen ones.</summary>
public sealed record ReportHistory
{
    /// <summary>What was searched, in the order of <see cref="ReportMoment.Sizes"/>.</summary>
    public required ImmutableArray<ReportSubmodule> Submodules { get; init; }

    /// <summary>Moments of the search, in order.</summary>
    public required ImmutableArray<ReportMoment> Moments { get; init; }
}

/// <summary>Something a search decides the width of, and the width it had.</summary>
public sealed record ReportSubmodule(string Name, int Size);

/// <summary>A search at one moment.</summary>
/// <param name="Step">Steps taken.</param>
/// <param name="Cost">Expected cost as a share of the target.</param>
/// <param name="Decided">Submodules that are decided.</param>
/// <param name="Lambda">λ, the weight of the importance in the bi-mask.</param>
/// <param name="Gamma">γ, the share of masked patches.</param>
/// <param name="Sizes">Expected width of every submodule.</param>
public sealed record ReportMoment(long Step, double Cost, int Decided, double Lambda, double Gamma, ImmutableArray<double> Sizes);
