using System.Collections.Immutable;
using Espalier.Models;

namespace Espalier.Widths;

/// <summary>A structure as its widths, knob by knob: all of it that a step has to write down, whatever the family.</summary>
internal sealed record KnobWidths(ImmutableArray<int> Widths)
{
    internal static KnobWidths Of(Architecture net, IEnumerable<Knob> knobs) => new([.. knobs.Select(knob => knob.Read(net))]);

    /// <summary>A network with these widths, for the rest as <paramref name="net"/> is.</summary>
    internal Architecture In(Architecture net, IEnumerable<Knob> knobs) => knobs.Zip(Widths).Aggregate(net, (n, k) => k.First.Write(n, k.Second));
}
