using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using Espalier.Cli.Commands;
using Espalier.Cli.Options;
using Espalier.Cli.Output;
using Espalier.Reports;
using Espalier.Torch;

namespace Espalier.Cli;

/// <summary>The whole program but for the process around it: arguments and streams in, exit code out.</summary>
public static partial class EspalierApp
{
    // No response files and no bundled letters: an argument means what it says, whatever character it begins with.
    private static readonly ParserConfiguration Parsing = new() { ResponseFileTokenReplacer = null, EnablePosixBundling = false };

    /// <summary>Runs one command and gives the exit code.</summary>
    public static int Run(IReadOnlyList<string> arguments, CliStreams streams, CancellationToken cancellation) =>
        Run(arguments, streams, CommandTable.All(), cancellation);

    /// <summary>Runs one command of the given ones; tests bring their own.</summary>
    internal static int Run(IReadOnlyList<string> arguments, CliStreams streams, IReadOnlyList<CliCommand> commands, CancellationToken cancellation)
    {
        var culture = CultureInfo.CurrentCulture;
        try
        {
            // Numbers are written alike everywhere, also for a program that is a guest of another.
            CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
            return Guard(streams, verbose: false, () => Dispatch(arguments, streams, commands, cancellation));
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }

    private static int Dispatch(IReadOnlyList<string> arguments, CliStreams streams, IReadOnlyList<CliCommand> commands, CancellationToken cancellation)
    {
        var root = new Command("espalier", "Compresses Vision Transformers.");
        var global = new GlobalOptions();
        global.AddTo(root);
        foreach (var command in commands) root.Add(command);

        var parsed = root.Parse(arguments, Parsing);
        var chosen = parsed.CommandResult.Command as CliCommand;
        if (parsed.GetValue(global.Help)) return Print(streams, chosen is null ? HelpText.Of(commands) : HelpText.Of(chosen));
        if (parsed.GetValue(global.Version)) return Print(streams, $"espalier {EspalierVersion.Text}");
        if (arguments.Count == 0) return Fail(streams, ExitCodes.Usage, "Name a command. See: espalier --help");
        if (chosen is null) return Fail(streams, ExitCodes.Usage, $"There is no command '{arguments[0]}'. See: espalier --help");
        if (parsed.Errors.Count > 0)
            return Fail(streams, ExitCodes.Usage, $"{string.Join(' ', parsed.Errors.Select(e => e.Message).Distinct())} See: espalier {chosen.Name} --help");
        return Guard(streams, parsed.GetValue(chosen.Common.Verbose), () => chosen.Execute(parsed, arguments, streams, cancellation));
    }

    /// <summary>Runs the command recorded in a run folder once more, on the same folder.</summary>
    internal static int Resume(IReadOnlyList<string> recorded, string folder, Invocation invocation)
    {
        var (chosen, parsed) = Parse(recorded);
        if (chosen is { CanBeResumed: false }) throw new InputException($"'{folder}' records a command that no run is made by: {CommandLineText.Of(recorded)}");
        if (chosen is { IsShared: false } && invocation.Group is not null)
            throw new UsageException($"'{folder}' is a run of {chosen.Name}, which one process does alone; resume it without --nproc, RANK and WORLD_SIZE.");
        return chosen is not null && parsed.Errors.Count == 0
            ? chosen.Execute(parsed, recorded, invocation, folder)
            : throw new InputException($"'{folder}' records a command this version does not know: {CommandLineText.Of(recorded)}");
    }

    /// <summary>A command line that did not come from the process's own arguments; no command when there is none of that name.</summary>
    internal static (CliCommand? Command, ParseResult Parsed) Parse(IReadOnlyList<string> arguments)
    {
        var root = new Command("espalier");
        foreach (var command in CommandTable.All()) root.Add(command);
        var parsed = root.Parse(arguments, Parsing);
        return (parsed.CommandResult.Command as CliCommand, parsed);
    }

    private static int Guard(CliStreams streams, bool verbose, Func<int> work)
    {
        try
        {
            return work();
        }
        catch (Exception error)
        {
            if (verbose) streams.Error.WriteLine(Printable.Lines($"{error}"));
            var message = error is EspalierException own ? ErrorText.Of(own)
                : error is OperationCanceledException ? error.Message
                : error is OutOfMemoryException or TorchOutOfMemoryException ? "Out of memory; use a smaller --batch or a smaller model."
                : error is TorchException or IOException ? error.Message
                : $"Unexpected {error.GetType().Name}: {error.Message} (--verbose shows where)";
            return Fail(streams, ExitCodes.Of(error), message);
        }
    }

    internal static int Fail(CliStreams streams, int code, string message)
    {
        streams.Error.WriteLine($"espalier: {Printable.Line(OneLine(message))}");
        return code;
    }

    private static int Print(CliStreams streams, string text)
    {
        streams.Out.WriteLine(text);
        return ExitCodes.Ok;
    }

    // Only breaks become spaces: names may hold several spaces in a row, and what is quoted is to be pasted.
    private static string OneLine(string text) => string.Concat(LineBreak().Replace(text.Trim(), " ").Select(c => char.IsControl(c) ? ' ' : c));

    [GeneratedRegex(@"[ \t]*[\r\n]+[ \t]*")]
    private static partial Regex LineBreak();
}
