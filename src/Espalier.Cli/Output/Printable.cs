using System.Globalization;
using System.Text;

namespace Espalier.Cli.Output;

/// <summary>
/// Text that came from a file or a file's name, as it may go to a terminal: what would move the cursor, change colours or turn the direction of
/// reading around is shown as a mark.
/// </summary>
internal static class Printable
{
    private const char Mark = '\uFFFD';

    /// <summary>One line; every control character is marked.</summary>
    public static string Line(string text) => Clean(text, keepLines: false);

    /// <summary>Lines stay lines.</summary>
    public static string Lines(string text) => Clean(text, keepLines: true);

    private static string Clean(string text, bool keepLines)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~')) return text;
        var clean = new StringBuilder(text.Length);
        // Half a surrogate pair comes as the mark already.
        foreach (var rune in text.EnumerateRunes())
            if ((keepLines && rune.Value is '\n' or '\t') || !IsCommand(rune)) clean.Append(rune);
            else clean.Append(Mark);
        return clean.ToString();
    }

    // C0, C1 and DEL; separators of lines and paragraphs; marks and overrides of direction.
    private static bool IsCommand(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        || rune.Value is 0x61C or 0x200E or 0x200F or (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069);
}
