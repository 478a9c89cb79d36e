using Espalier.Budget;
using Espalier.Models;

namespace Espalier.Widths;

/// <summary>The structure of a network that was compressed before, for another one: what a search found once need not be searched again.</summary>
public static class GivenStructure
{
    /// <summary>The given network with the widths of <paramref name="like"/>.</summary>
    /// <exception cref="UsageException">The two differ in more than widths that may change, or it is wider somewhere.</exception>
    /// <exception cref="BudgetException">Its widths do not meet the limit.</exception>
    public static T Take<T>(T given, Architecture like, Limit limit, IReadOnlyCollection<Knob> knobs) where T : Architecture
    {
        if (like.MergesTokens)
            throw new UsageException($"--like: {like.Name} merges tokens. Where to merge is found anew in a minute: leave --like out and give --merge-tokens.");
        if (like.GetType() != given.GetType() || like.Depth != given.Depth || like.Features != given.Features)
            throw new UsageException($"--like: {like.Name} is a {like.Family} of {like.Depth} blocks and {like.Features} features, {given.Name} a {given.Family} of {given.Depth} and {given.Features}.");
        var taken = knobs.Aggregate(given, (net, knob) => knob.Read(like) <= knob.Read(given) ? knob.Write(net, knob.Read(like))
            : throw new UsageException($"--like: block {knob.Block} of {like.Name} has {knob.Read(like)} {Describe(knob.Kind)}, that of {given.Name} only {knob.Read(given)}."));
        if (Enumerable.Range(0, given.Depth).FirstOrDefault(i => !taken.IsBlockLike(like, i), -1) is var odd and not -1)
            throw new UsageException($"--like: block {odd} of {like.Name} differs from that of {given.Name} in more than widths that may be cut here.");
        return limit.Met(taken.Cost()) ? taken
            : throw new BudgetException($"--like: the widths of {like.Name} come to {limit.Measure.Describe(taken.Cost().In(limit.Measure))}; asked for is {limit.Describe()}.");
    }

    private static string Describe(WidthKind kind) => kind switch
    {
        WidthKind.QueryKey => "query dimensions a head",
        WidthKind.Value => "value dimensions a head",
        _ => "hidden units or inner channels",
    };
}
