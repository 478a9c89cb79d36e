using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Models;

namespace Espalier.Widths;

/// <summary>
/// Nested structures from the given network down through a few searched ones: every width of a smaller network is at most that of a larger one.
/// </summary>
internal static class StructurePath
{
    private const int Bisections = 40;

    /// <summary>The widest structure between two that meets a limit.</summary>
    /// <param name="wide">A structure above the limit, or at it.</param>
    /// <param name="narrow">One within it, no wider anywhere.</param>
    /// <param name="limit">What must be met.</param>
    /// <param name="knobs">Widths that may change.</param>
    internal static T Between<T>(T wide, T narrow, Limit limit, ImmutableArray<Knob> knobs) where T : Architecture
    {
        double low = 0, high = 1;
        for (var k = 0; k < Bisections; k++)
        {
            var middle = (low + high) / 2;
            (low, high) = limit.Met(At(middle).Cost()) ? (middle, high) : (low, middle);
        }
        return Filling.Fill(At(low), wide, limit, knobs);

        T At(double share) => knobs.Aggregate(narrow, (net, knob) =>
        {
            var (from, to) = (knob.Read(narrow), knob.Read(wide));
            return knob.Write(net, knob.Down(from + (int)Math.Floor((to - from) * share), wide));
        });
    }
}
