namespace Espalier.Reports;

/// <summary>A command line as one would paste it into a shell.</summary>
public static class CommandLineText
{
    private const string Safe = "-_./,:=@%+";

    /// <summary>The program's name and its arguments, quoted where a shell would split them.</summary>
    public static string Of(IEnumerable<string> arguments) => string.Join(' ', arguments.Select(Quote).Prepend("espalier"));

    /// <summary>Arguments without some options and their values, however those were written: <c>--steps 3</c>, <c>--steps=3</c>, <c>--steps:3</c>.</summary>
    /// <param name="arguments">A command line.</param>
    /// <param name="options">Names of options that take a value each.</param>
    /// <param name="value">Which values are meant; null: any.</param>
    public static IReadOnlyList<string> Without(IReadOnlyList<string> arguments, IReadOnlyCollection<string> options, Func<string, bool>? value = null)
    {
        var kept = new List<string>();
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            if (options.Contains(argument) && i + 1 < arguments.Count && (value?.Invoke(arguments[i + 1]) ?? true)) i++;
            else if (!options.Any(o => argument.StartsWith(o, StringComparison.Ordinal) && argument.Length > o.Length && argument[o.Length] is ('=' or ':')
                && (value?.Invoke(argument[(o.Length + 1)..]) ?? true))) kept.Add(argument);
        }
        return kept;
    }

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
