using Espalier.Cli.Commands;

namespace Espalier.Cli.Tests;

/// <summary>Runs the program inside the test's process and keeps what it wrote.</summary>
internal sealed record CliRun(int Code, string Out, string Error)
{
    public static CliRun Of(string commandLine) => Of(commandLine.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    public static CliRun Of(params string[] arguments) => Of(arguments, null);

    public static CliRun Of(string[] arguments, IReadOnlyList<CliCommand>? commands, CancellationToken cancellation = default)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = EspalierApp.Run(arguments, new CliStreams(output, error), commands ?? CommandTable.All(), cancellation);
        return new(code, output.ToString(), error.ToString());
    }

    /// <summary>What went to stderr is one line.</summary>
    public string ErrorLine
    {
        get
        {
            Error.TrimEnd('\n').ShouldNotContain('\n');
            return Error.TrimEnd('\n');
        }
    }
}
