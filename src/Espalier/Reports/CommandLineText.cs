namespace Espalier.Reports;

/// <summary>A command line as one would paste it into a shell.</summary>
public static class CommandLineText
{
    private const string Safe = "-_./,:=@%+";

    /// <summary>The program's name and its arguments, quoted where a shell would split them.</summary>
    public static string Of(IEnumerable<string> arguments) => string.Join(' ', arguments.Select(Quote).Prepend("espalier"));

    private static string Quote(string argument) => argument.Any(char.IsControl) ? $"$'{string.Concat(argument.Select(Escape))}'"
        : argument.Length > 0 && argument.All(c => char.IsAsciiLetterOrDigit(c) || Safe.Contains(c)) ? argument : $"'{argument.Replace("'", "'\\''")}'";

    // A line break in a name would end the line it is shown in.
    private static string Escape(char c) => c switch
    {
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\'' or '\\' => $"\\{c}",
        _ => char.IsControl(c) ? $"\\x{(int)c:x2}" : $"{c}",
    };
}
