using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace Espalier.Models.Formats.Names;

/// <summary>How one library names the tensors of a family of networks, as a table from its names to timm's.</summary>
/// <param name="Title">For people.</param>
/// <param name="Anchor">A tensor that only this scheme has; what stands before it in a file is a prefix (<c>module.</c>, <c>vit.</c>).</param>
/// <param name="KeepsOthers">Names that are in no rule are timm's own.</param>
/// <param name="Table">
/// One rule a line, <c>theirs -> ours</c>. <c>#</c> is a number, of several the same one at the same place on both sides; <c>*</c> at the end is any rest; without it the rest is nothing,
/// <c>.weight</c>, <c>.bias</c> or a running statistic and is kept. <c>ours/0</c>, <c>ours/1</c>, … are parts of one tensor, joined along the first dimension.
/// Nothing after the arrow: the tensor is of no use here. <c>!reason</c>: the network cannot be used.
/// </param>
internal sealed record NamingScheme(string Title, string Anchor, bool KeepsOthers, string Table)
{
    private readonly Lazy<ImmutableArray<(Regex From, string To)>> _rules = new(() => Parse(Table));

    /// <summary>Where a tensor goes: a rule's right side with the numbers and the rest put in; null when no rule names it.</summary>
    public string? Target(string name)
    {
        foreach (var (from, to) in _rules.Value)
        {
            if (from.Match(name) is not { Success: true } match) continue;
            if (to.Length == 0 || to[0] == '!') return to;
            var (whole, part) = to.IndexOf('/') is var slash and >= 0 ? (to[..slash], to[slash..]) : (to, "");
            return Filled(whole, match.Groups["number"].Captures) + match.Groups["rest"].Value + part;
        }
        return null;
    }

    private static string Filled(string name, IEnumerable<Capture> numbers) =>
        numbers.Aggregate(name, (text, number) => text.IndexOf('#') is var at and >= 0 ? $"{text[..at]}{number.Value}{text[(at + 1)..]}" : text);

    private static ImmutableArray<(Regex, string)> Parse(string table) =>
    [
        .. table.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(line =>
        {
            var (from, to) = line.Split("->", StringSplitOptions.TrimEntries) is [var theirs, var ours] ? (theirs, ours)
                : throw new InvalidOperationException($"The rule '{line}' needs one arrow.");
            var pattern = Regex.Escape(from.TrimEnd('*')).Replace("\\#", "(?<number>[0-9]{1,4})");
            return (new Regex($"^{pattern}{(from.EndsWith('*') ? ".*" : @"(?<rest>\.weight|\.bias|\.running_mean|\.running_var)?")}$", RegexOptions.CultureInvariant), to);
        }),
    ];
}
