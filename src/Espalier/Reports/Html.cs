using System.Globalization;
using System.Net;

namespace Espalier.Reports;

/// <summary>Finished markup. Text gets in through <see cref="Of"/> only, which escapes every hole that is not markup itself.</summary>
internal readonly record struct Html(string Text)
{
    internal static readonly Html Empty = new("");

    internal static Html Of(FormattableString template) =>
        new(string.Format(CultureInfo.InvariantCulture, template.Format, [.. template.GetArguments().Select(Escape)]));

    internal static Html Join(IEnumerable<Html> parts) => new(string.Concat(parts.Select(p => p.Text)));

    public override string ToString() => Text;

    private static object Escape(object? value) => value switch
    {
        null => "",
        Html html => html.Text,
        IFormattable number => number, // keeps formats such as {x:0.0}
        _ => WebUtility.HtmlEncode(value.ToString() ?? ""),
    };
}
