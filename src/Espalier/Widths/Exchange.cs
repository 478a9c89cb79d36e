using Espalier.Models;

namespace Espalier.Widths;

/// <summary>Moves widths where they count: what a step up gains for its cost is paid for by steps down that lose less.</summary>
internal static class Exchange
{
    // A width that moves twice as far as it should does harm, and the estimates are noisy.
    private const double MostMoves = 0.25;
    private const double Margin = 1.25;

    /// <summary>Best steps up against best steps down, until a pair no longer gains.</summary>
    /// <param name="structure">Where the slopes were measured.</param>
    /// <param name="slopes">What single changes do to it.</param>
    /// <param name="widths">Widths there are: in one round a part of them moves.</param>
    internal static T Best<T>(T structure, IReadOnlyCollection<Slope> slopes, int widths) where T : Architecture
    {
        var ups = new Queue<Slope>(slopes.Where(s => s.Cost > 0).OrderByDescending(s => s.GainPerCost));
        var downs = new Queue<Slope>(slopes.Where(s => s.Cost < 0).OrderBy(s => s.GainPerCost));
        var most = Math.Max(1, (int)(widths * MostMoves));
        var moved = new HashSet<Knob>();
        double freed = 0;
        var (wider, narrower) = (0, 0);
        while (wider < most && narrower < most && ups.TryPeek(out var up))
        {
            if (moved.Contains(up.Knob))
            {
                ups.Dequeue();
                continue;
            }
            while (freed < up.Cost && downs.TryPeek(out var down) && narrower < most)
            {
                if (moved.Contains(down.Knob) || down.Knob == up.Knob)
                {
                    downs.Dequeue();
                    continue;
                }
                if (up.GainPerCost <= Margin * Math.Max(0, down.GainPerCost)) return structure;
                Move(downs.Dequeue());
                narrower++;
            }
            if (freed < up.Cost) break;
            Move(ups.Dequeue());
            wider++;
        }
        return structure;

        void Move(Slope slope)
        {
            structure = slope.Knob.Write(structure, slope.Width);
            freed -= slope.Cost;
            moved.Add(slope.Knob);
        }
    }
}
