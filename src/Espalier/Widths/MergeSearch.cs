using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models.Vit;

namespace Espalier.Widths;

/// <summary>One round of the search.</summary>
/// <param name="Structure">The network with the tokens each block merges.</param>
/// <param name="Kl">KL from the given network on the images.</param>
/// <param name="Moves">Blocks changed to come here.</param>
public sealed record MergeRound(VitArchitecture Structure, double Kl, int Moves);

/// <summary>
/// Finds how many tokens each block should merge: in every round each block is tried with some more and some fewer, and merging is moved from
/// where it hurts to where it does not, the cost staying what it is. Nothing is trained or solved, so a round is a few forwards.
/// </summary>
/// <param name="judge">Scores.</param>
/// <param name="teacher">The network.</param>
/// <param name="limit">The most the result may cost.</param>
/// <param name="knobs">Blocks that may merge.</param>
public sealed class MergeSearch(Judge judge, VitModel teacher, Limit limit, ImmutableArray<Knob> knobs)
{
    private static readonly ImmutableArray<int> s_strides = [8, 4, 2];

    /// <summary>Told after each round.</summary>
    public Action<MergeRound>? OnRound { get; init; }

    /// <summary>Asked before each round after the first: false ends the search.</summary>
    public Func<bool>? GoOn { get; init; }

    /// <summary>All rounds; the one with the least KL is the result. Steps become smaller when a round made it worse.</summary>
    /// <param name="start">Where to begin; must meet the limit.</param>
    /// <param name="rounds">At least 1: a single round only measures the start.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    public ImmutableArray<MergeRound> Run(VitArchitecture start, int rounds, CancellationToken cancellation)
    {
        var best = new MergeRound(start, Score(start, cancellation), 0);
        var found = ImmutableArray.CreateBuilder<MergeRound>();
        found.Add(best);
        OnRound?.Invoke(best);
        var stride = 0;
        while (found.Count < rounds && stride < s_strides.Length && GoOn?.Invoke() != false)
        {
            var next = MergeStart.Fill(Exchange.Best(best.Structure, Slopes(best, s_strides[stride], cancellation), knobs.Length), limit, knobs);
            if (next.CheckMerging() is not null || knobs.All(k => k.Read(next) == k.Read(best.Structure)))
            {
                stride++;
                continue;
            }
            var round = new MergeRound(next, Score(next, cancellation), knobs.Count(k => k.Read(next) != k.Read(best.Structure)));
            found.Add(round);
            OnRound?.Invoke(round);
            if (round.Kl < best.Kl) best = round;
            else stride++;
        }
        return found.ToImmutable();
    }

    private List<Slope> Slopes(MergeRound around, int stride, CancellationToken cancellation) =>
    [
        .. from knob in knobs
           let now = knob.Read(around.Structure)
           from width in new[] { now - stride, Math.Min(now + stride, 0) }
           let other = knob.Write(around.Structure, width)
           where width != now && other.CheckMerging() is null
           select Slope.Of(knob, width, new Growth(Score(other, cancellation) - around.Kl, 0), around.Structure, limit.Measure),
    ];

    private double Score(VitArchitecture merging, CancellationToken cancellation)
    {
        using var merged = teacher.MergeTokens(merging);
        return judge.Score(merged, cancellation);
    }
}
