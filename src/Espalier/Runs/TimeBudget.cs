using System.Collections.Immutable;

namespace Espalier.Runs;

/// <summary>A named part of a time budget and its weight against the others.</summary>
public sealed record TimePhase(string Name, double Weight);

/// <summary>
/// <c>--minutes</c>: one deadline for a whole command, shared out over phases by weight.
/// A phase gets its share of what is left, so time one phase does not use flows on to those after it.
/// </summary>
public sealed class TimeBudget
{
    private const double UnmeasuredShare = 0.02;
    private readonly TimeProvider _time;
    private readonly long _begun;
    private readonly TimeSpan _spentBefore;

    /// <param name="total">Time for the whole command.</param>
    /// <param name="time">The clock.</param>
    /// <param name="phases">Phases in order.</param>
    /// <param name="spentBefore">Time an interrupted run had used before it was resumed.</param>
    public TimeBudget(TimeSpan total, TimeProvider time, ImmutableArray<TimePhase> phases, TimeSpan spentBefore = default)
    {
        if (total <= TimeSpan.Zero) throw new UsageException("The time budget must be longer than 0 minutes.");
        Total = total;
        _time = time;
        _begun = time.GetTimestamp();
        _spentBefore = spentBefore;
        Phases = phases;
    }

    public TimeSpan Total { get; }

    public ImmutableArray<TimePhase> Phases { get; }

    /// <summary>Time used so far, including earlier sittings of a resumed run.</summary>
    public TimeSpan Spent => _spentBefore + _time.GetElapsedTime(_begun);

    /// <summary>Time left; never negative.</summary>
    public TimeSpan Left => Total > Spent ? Total - Spent : TimeSpan.Zero;

    public bool IsOver => Left == TimeSpan.Zero;

    /// <summary>
    /// What <paramref name="phase"/>, with the phases after it up to <paramref name="through"/>, may use if it starts now: of what is left, their weight among
    /// themselves and the phases after them.
    /// </summary>
    /// <param name="phase">The first.</param>
    /// <param name="through">The last; null when it is the first.</param>
    /// <param name="kept">Time that is no phase's, not shared out.</param>
    public TimeSpan TimeFor(string phase, string? through = null, TimeSpan kept = default)
    {
        var (first, last) = (IndexOf(phase), IndexOf(through ?? phase));
        var left = Left > kept ? Left - kept : TimeSpan.Zero;
        return left * (Phases[first..(last + 1)].Sum(p => p.Weight) / Phases[first..].Sum(p => p.Weight));
    }

    /// <summary>What to keep of the time for what comes after the work.</summary>
    /// <param name="seconds">What of it was measured; loading, writing, and what nobody measures are added.</param>
    internal TimeSpan Reserve(double seconds) => TimeSpan.FromSeconds(seconds) + UnmeasuredShare * Total;

    private int IndexOf(string phase)
    {
        var index = Phases.ToList().FindIndex(p => p.Name == phase);
        return index >= 0 ? index : throw new ArgumentException($"Unknown phase '{phase}'.", nameof(phase));
    }

    /// <summary>An even share of <paramref name="phaseTime"/> for the next of <paramref name="partsLeft"/> equal parts.</summary>
    public static TimeSpan Share(TimeSpan phaseTime, int partsLeft) => phaseTime / Math.Max(1, partsLeft);
}
