using System.Text.RegularExpressions;

namespace Espalier.Testing;

/// <summary>A fenced block of a page. A comment of HTML right before it tells the tests what the reader need not see: <c>&lt;!-- not run: … --&gt;</c>.</summary>
/// <param name="Page">The page, relative to the root.</param>
/// <param name="At">Where it begins, in characters.</param>
/// <param name="Language">What the fence names; empty for nothing.</param>
/// <param name="Text">Its lines.</param>
/// <param name="Comment">The comment before it; empty for none.</param>
internal sealed partial record CodeBlock(string Page, int At, string Language, string Text, string Comment)
{
    private const string Reason = "not run: ";

    /// <summary>Why no test runs it; null when one does.</summary>
    public string? NotRun => Comment.StartsWith(Reason, StringComparison.Ordinal) ? Comment[Reason.Length..] : null;

    /// <summary>The blocks of a page, in order.</summary>
    public static IEnumerable<CodeBlock> Of(string page) => Block().Matches(Pages.Read(page))
        .Select(m => new CodeBlock(page, m.Index, m.Groups["language"].Value, m.Groups["text"].Value, m.Groups["comment"].Value));

    /// <summary>The page with its blocks as spaces, so that what is found in it is where it was.</summary>
    public static string TextAround(string page) => Block().Replace(Pages.Read(page), m => new string(' ', m.Length));

    [GeneratedRegex(@"^(<!-- (?<comment>[^\n]+?) -->\n+)?```(?<language>\w*)\n(?<text>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}
