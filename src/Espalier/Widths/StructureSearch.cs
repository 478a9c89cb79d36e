using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models;
using Espalier.Repair;

namespace Espalier.Widths;

/// <summary>One round of the search.</summary>
/// <param name="Structure">Widths of every block.</param>
/// <param name="Kl">KL from the teacher on the held-out images, repaired, before any gradient step.</param>
/// <param name="Moves">Widths changed to come here.</param>
public sealed record SearchRound(Architecture Structure, double Kl, int Moves);

/// <summary>Where a search stands between two rounds: all it needs to go on.</summary>
/// <param name="Rounds">What was found.</param>
/// <param name="Next">What is looked at next.</param>
/// <param name="Moves">Widths changed to come there.</param>
/// <param name="Stride">How far widths are tried.</param>
public sealed record SearchPosition(ImmutableArray<SearchRound> Rounds, Architecture Next, int Moves, int Stride);

/// <summary>
/// Finds how wide each part of each block should be. Errors of several cuts compound, so widths are not judged alone on the teacher: in every
/// round the whole structure is cut and repaired, then each width is tried a step wider and a step narrower, repaired, in that student;
/// and all move to where, by what these changes say together (<see cref="Landscape"/>), a MAC gains the same everywhere.
/// </summary>
/// <param name="pass">Cuts and repairs.</param>
/// <param name="judge">Scores.</param>
/// <param name="teacher">The network to make smaller.</param>
/// <param name="limit">The target.</param>
/// <param name="knobs">Widths that may change.</param>
public sealed class StructureSearch(Func<Action<CutPoint>?, RepairPass> pass, Judge judge, Model teacher, Limit limit, ImmutableArray<Knob> knobs)
{
    /// <summary>Told after each round.</summary>
    public Action<SearchRound>? OnRound { get; init; }

    /// <summary>Told before each round after the first, to go on from there should the search be stopped.</summary>
    public Action<SearchPosition>? OnMove { get; init; }

    /// <summary>Where an earlier search was stopped; null begins at the start.</summary>
    public SearchPosition? From { get; init; }

    /// <summary>Asked before each round after the first: false ends the search.</summary>
    public Func<bool>? GoOn { get; init; }

    /// <summary>All rounds; the one with the least KL is the result.</summary>
    /// <param name="start">Where to begin; must meet the limit.</param>
    /// <param name="rounds">At least 1: a single round only measures the start.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    public ImmutableArray<SearchRound> Run(Architecture start, int rounds, CancellationToken cancellation)
    {
        var found = ImmutableArray.CreateBuilder<SearchRound>();
        found.AddRange(From?.Rounds ?? []);
        var (structure, moves, stride) = From is { } from ? (from.Next, from.Moves, from.Stride) : (start, 0, 2);
        for (var round = found.Count + 1; round <= rounds; round++)
        {
            var isLast = round == rounds;
            var (kl, around) = Look(structure, isLast ? 0 : stride, cancellation);
            var current = new SearchRound(structure, kl, moves);
            found.Add(current);
            OnRound?.Invoke(current);
            if (isLast || GoOn?.Invoke() == false) break;
            // A round that made it worse has gone too far along slopes that were right where it started.
            if (round > 1 && kl > found.Min(f => f.Kl)) stride = 1;
            var next = around.Best(structure, teacher.Architecture);
            if (next == structure) break;
            moves = knobs.Count(k => k.Read(next) != k.Read(structure));
            structure = Filling.Fill(next, teacher.Architecture, limit, knobs);
            OnMove?.Invoke(new SearchPosition(found.ToImmutable(), structure, moves, stride));
        }
        return found.ToImmutable();
    }

    private (double Kl, Landscape Around) Look(Architecture structure, int stride, CancellationToken cancellation)
    {
        var alternatives = new List<Alternative>();
        try
        {
            var walk = pass(stride == 0 ? null : point => alternatives.AddRange(Around(point, stride)));
            using var student = walk.Run(teacher, structure, cancellation);
            var (kl, growth) = judge.Score(student, alternatives, cancellation);
            // From a network whose answers are no numbers no slope can be told.
            return (kl, new Landscape(double.IsFinite(kl) ? growth.Select(g => Slope.Of(g.Key.Knob, g.Key.Width, g.Value, structure, limit.Measure)) : []));
        }
        finally
        {
            foreach (var alternative in alternatives) alternative.Dispose();
        }
    }

    private IEnumerable<Alternative> Around(CutPoint point, int stride)
    {
        foreach (var knob in knobs.Where(k => k.Block == point.Block && point.Widths.Contains(k.Kind)))
        {
            var (full, step) = (knob.Read(teacher.Architecture), knob.Step(teacher.Architecture) * stride);
            var now = knob.Read(point.Target);
            foreach (var width in new[] { Math.Max(now - step, full / 8), Math.Min(now + step, full) }.Select(w => knob.Down(w, teacher.Architecture)).Where(w => w > 0 && w != now))
                yield return Alternative.Of(point, knob, width);
        }
    }
}
