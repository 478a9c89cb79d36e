using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models;
using Espalier.Repair;

namespace Espalier.Widths;

/// <summary>One round of the search.</summary>
/// <param name="Structure">Widths of every block.</param>
/// <param name="Kl">KL from the teacher on the images that judge the round, repaired on the others, before any gradient step.</param>
/// <param name="Moves">Widths changed to come here.</param>
/// <param name="Fold">Which images judge: rounds judged by others cannot be compared with it.</param>
public sealed record SearchRound(Architecture Structure, double Kl, int Moves, int Fold);

/// <summary>Where a search stands between two rounds: all it needs to go on.</summary>
/// <param name="Rounds">What was found.</param>
/// <param name="Next">What is looked at next.</param>
/// <param name="Moves">Widths changed to come there.</param>
/// <param name="Seen">What every change that was tried did.</param>
public sealed record SearchPosition(ImmutableArray<SearchRound> Rounds, Architecture Next, int Moves, ImmutableArray<Slope> Seen);

/// <summary>One way to share out the images: some judge what was fitted to the others.</summary>
/// <param name="Pass">Cuts and repairs on the others.</param>
/// <param name="Judge">Scores on some.</param>
/// <param name="Owned">What is disposed of with the fold.</param>
public sealed record SearchFold(Func<Action<CutPoint>?, RepairPass> Pass, Judge Judge, params IDisposable[] Owned) : IDisposable
{
    public void Dispose()
    {
        foreach (var owned in Owned) owned.Dispose();
    }
}

/// <summary>
/// Finds how wide each part of each block should be. Errors of several cuts compound, so widths are not judged alone on the teacher: in every
/// round the whole structure is cut and repaired, then each width is tried a step wider and a step narrower, repaired, in that student;
/// and all move to where, by what the changes of all rounds say together (<see cref="Landscape"/>), a MAC gains the same everywhere. The images take turns
/// to judge. The last round tries nothing: it tells, by the images that judged the start, whether anything was gained.
/// </summary>
/// <param name="fold">The way of that number to share out the images.</param>
/// <param name="folds">How many there are, at least 1.</param>
/// <param name="teacher">The network to make smaller.</param>
/// <param name="limit">The target.</param>
/// <param name="knobs">Widths that may change.</param>
public sealed class StructureSearch(Func<int, SearchFold> fold, int folds, Model teacher, Limit limit, ImmutableArray<Knob> knobs)
{
    /// <summary>Steps of a width it is tried at; smaller ones tell less.</summary>
    private const int Stride = 2;

    /// <summary>Told after each round.</summary>
    public Action<SearchRound>? OnRound { get; init; }

    /// <summary>Told before each round after the first, to go on from there should the search be stopped.</summary>
    public Action<SearchPosition>? OnMove { get; init; }

    /// <summary>Where an earlier search was stopped; null begins at the start.</summary>
    public SearchPosition? From { get; init; }

    /// <summary>Asked before each round after the first: false makes it the last.</summary>
    public Func<bool>? GoOn { get; init; }

    /// <summary>What a search came to: the nearest to the teacher of those the same images judged as judged the start.</summary>
    public static SearchRound Best(IEnumerable<SearchRound> rounds) => rounds.Where(r => r.Fold == 0).MinBy(r => r.Kl)!;

    /// <summary>All rounds.</summary>
    /// <param name="start">Where to begin; must meet the limit.</param>
    /// <param name="rounds">At least 1: a single round only measures the start.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    public ImmutableArray<SearchRound> Run(Architecture start, int rounds, CancellationToken cancellation)
    {
        var found = ImmutableArray.CreateBuilder<SearchRound>();
        found.AddRange(From?.Rounds ?? []);
        var seen = new List<Slope>(From?.Seen ?? []);
        var (structure, moves) = From is { } from ? (from.Next, from.Moves) : (start, 0);
        for (var round = found.Count + 1; round <= rounds; round++)
        {
            var isLast = round == rounds || (round > 1 && (moves == 0 || GoOn?.Invoke() == false));
            var number = isLast ? 0 : (round - 1) % folds;
            var (kl, slopes) = Look(number, structure, start, isLast, cancellation);
            var current = new SearchRound(structure, kl, moves, number);
            found.Add(current);
            OnRound?.Invoke(current);
            if (isLast) break;
            seen.AddRange(slopes);
            var next = Filling.Fill(new Landscape(seen).Best(start, teacher.Architecture), teacher.Architecture, limit, knobs);
            moves = knobs.Count(k => k.Read(next) != k.Read(structure));
            if (moves == 0 && number == 0) break;
            structure = next;
            OnMove?.Invoke(new SearchPosition(found.ToImmutable(), structure, moves, [.. seen]));
        }
        return found.ToImmutable();
    }

    private (double Kl, List<Slope> Slopes) Look(int number, Architecture structure, Architecture start, bool isLast, CancellationToken cancellation)
    {
        using var images = fold(number);
        var alternatives = new List<Alternative>();
        try
        {
            var walk = images.Pass(isLast ? null : point => alternatives.AddRange(Around(point)));
            using var student = walk.Run(teacher, structure, cancellation);
            var (kl, growth) = images.Judge.Score(student, alternatives, cancellation);
            // From a network whose answers are no numbers no slope can be told.
            return (kl, double.IsFinite(kl) ? [.. growth.Select(g => Slope.Of(g.Key.Knob, g.Key.Width, g.Value, structure, limit.Measure, start))] : []);
        }
        finally
        {
            foreach (var alternative in alternatives) alternative.Dispose();
        }
    }

    private IEnumerable<Alternative> Around(CutPoint point)
    {
        foreach (var knob in knobs.Where(k => k.Block == point.Block && point.Widths.Contains(k.Kind)))
        {
            var (full, step) = (knob.Read(teacher.Architecture), knob.Step(teacher.Architecture) * Stride);
            var now = knob.Read(point.Target);
            foreach (var width in new[] { Math.Max(now - step, full / 8), Math.Min(now + step, full) }.Select(w => knob.Down(w, teacher.Architecture)).Where(w => w > 0 && w != now))
                yield return Alternative.Of(point, knob, width);
        }
    }
}
