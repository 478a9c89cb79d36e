using Espalier.Budget;
using Espalier.Models;

namespace Espalier.Widths;

/// <summary>The structure of a network that was compressed before, for another one: what a search found once need not be searched again.</summary>
public static class GivenStructure
{
    private const string Setting = "Like";

    /// <summary>The given network with the widths of <paramref name="like"/>.</summary>
    /// <exception cref="UsageException">The two differ in more than widths that may change, or it is wider somewhere.</exception>
    /// <exception cref="BudgetException">Its widths do not meet the limit.</exception>
    public static T Take<T>(T given, Architecture like, Limit limit, IReadOnlyCollection<Knob> knobs) where T : Architecture
    {
        if (like.MergesTokens)
            throw new UsageException($"{like.Name} merges tokens, so its widths cannot be taken. Where to merge is found anew in a minute: have tokens merged instead.")
            { Settings = [Setting, "MergeTokens"] };
        if (like.GetType() != given.GetType() || like.Depth != given.Depth || like.Features != given.Features)
            throw new UsageException($"The widths to take do not fit: {like.Name} is a {like.Family} of {like.Depth} blocks and {like.Features} features, {given.Name} a {given.Family} of {given.Depth} and {given.Features}.")
            { Settings = [Setting] };
        var taken = knobs.Aggregate(given, (net, knob) => knob.Read(like) <= knob.Read(given) ? knob.Write(net, knob.Read(like))
            : throw new UsageException($"The widths to take do not fit: block {knob.Block} of {like.Name} has {knob.Read(like)} {Describe(knob.Kind)}, that of {given.Name} only {knob.Read(given)}.")
            { Settings = [Setting] });
        if (Enumerable.Range(0, given.Depth).FirstOrDefault(i => !taken.IsBlockLike(like, i), -1) is var odd and not -1)
            throw new UsageException($"The widths to take do not fit: block {odd} of {like.Name} differs from that of {given.Name} in more than widths that may be cut here.")
            { Settings = [Setting] };
        return limit.Met(taken.Cost()) ? taken
            : throw new BudgetException($"The widths of {like.Name} come to {limit.Measure.Describe(taken.Cost().In(limit.Measure))}; asked for is {limit.Describe()}.") { Settings = [Setting] };
    }

    private static string Describe(WidthKind kind) => kind switch
    {
        WidthKind.QueryKey => "query dimensions a head",
        WidthKind.Value => "value dimensions a head",
        _ => "hidden units or inner channels",
    };
}
