using System.Collections.Immutable;

namespace Espalier.Runs;

/// <summary>How far a run has come: <c>state.json</c>, replaced whole after every step.</summary>
public sealed record RunState
{
    /// <summary>Names of the finished steps, in order.</summary>
    public ImmutableArray<string> Done { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>The step to do next; null when the run is finished or has not begun.</summary>
    public string? Next { get; init; }

    /// <summary>True once every step is done.</summary>
    public bool Finished { get; init; }

    /// <summary>True while what an earlier run left is being removed; whoever finds it set goes on removing.</summary>
    public bool Clearing { get; init; }

    /// <summary>Seconds worked so far, over all sittings.</summary>
    public double Seconds { get; init; }
}
