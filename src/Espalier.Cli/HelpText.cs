using System.CommandLine;
using System.Text;
using Espalier.Cli.Commands;
using Espalier.Cli.Options;

namespace Espalier.Cli;

/// <summary>Help, written out of the commands themselves: usage, arguments, options by group, examples.</summary>
internal static class HelpText
{
    private const int Width = 100, Indent = 2, Gap = 2, MostFirst = 30;

    /// <summary>Help of the program.</summary>
    public static string Of(IReadOnlyList<CliCommand> commands)
    {
        var text = new StringBuilder("Compresses Vision Transformers.\n\nUsage: espalier COMMAND [options]\n\nCommands:\n");
        Rows(text, commands.Select(c => (c.Name, c.Description ?? "")));
        text.Append("""

            MODEL is a model folder, a weights file, the bundled fashion-vit, or (inspect, plan, bench, train) a timm name.
            DATA is a folder of images, a folder with labels.txt, one subfolder per class, or fashion-mnist:train|test.

            Example:
              espalier demo

            Help on one command: espalier COMMAND --help
            """);
        return text.ToString();
    }

    /// <summary>Help of one command.</summary>
    public static string Of(CliCommand command)
    {
        var arguments = string.Concat(command.Arguments.Select(a => " " + a.Name));
        var target = command.Groups.Any(g => g is TargetOptions) ? " TARGET" : "";
        var text = new StringBuilder($"{command.Description}\n\nUsage: espalier {command.Name}{arguments}{target} [options]\n");
        if (command.Arguments.Count > 0)
        {
            text.Append("\nArguments:\n");
            Rows(text, command.Arguments.Select(a => (a.Name, a.Description ?? "")));
        }
        foreach (var group in command.Groups)
        {
            text.Append($"\n{group.Title}:\n");
            Rows(text, group.Options.Select(o => (Label(o), o.Description ?? "")));
        }
        text.Append(command.Examples.Count > 1 ? "\nExamples:\n" : "\nExample:\n");
        text.AppendJoin('\n', command.Examples.Select(e => $"  {e}"));
        return text.ToString();
    }

    private static string Label(Option option)
    {
        var names = string.Join(", ", option.Aliases.Append(option.Name).OrderBy(n => n.Length));
        return option.ValueType == typeof(bool) ? names : $"{names} {option.HelpName ?? "VALUE"}";
    }

    private static void Rows(StringBuilder text, IEnumerable<(string First, string Second)> rows)
    {
        var list = rows.ToList();
        var column = Math.Min(MostFirst, list.Max(r => r.First.Length)) + Indent + Gap;
        foreach (var (first, second) in list)
        {
            var line = new string(' ', Indent) + first;
            // A first column too long for its place gets a line of its own.
            if (line.Length + Gap > column)
            {
                text.Append(line).Append('\n');
                line = "";
            }
            foreach (var word in second.Split(' '))
            {
                if (line.Length > column && line.Length + 1 + word.Length > Width)
                {
                    text.Append(line).Append('\n');
                    line = "";
                }
                line = line.Length < column ? line.PadRight(column) + word : line + " " + word;
            }
            text.Append(line.TrimEnd()).Append('\n');
        }
    }
}
