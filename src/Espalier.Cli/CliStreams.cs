namespace Espalier.Cli;

/// <summary>Where a command writes: results to <paramref name="Out"/>, everything else to <paramref name="Error"/>.</summary>
/// <param name="Out">Results only.</param>
/// <param name="Error">Progress, remarks and errors.</param>
/// <param name="OutIsTerminal">Whether results go to a person's screen, which may have colours.</param>
/// <param name="ErrorIsTerminal">Whether progress may be drawn as bars.</param>
/// <param name="Width">Columns to lay tables out in.</param>
public sealed record CliStreams(TextWriter Out, TextWriter Error, bool OutIsTerminal = false, bool ErrorIsTerminal = false, int Width = 120)
{
    private const int FileWidth = 200;

    /// <summary>Columns of the screen progress is drawn on.</summary>
    public int ErrorWidth { get; init; } = Width;

    /// <summary>Ends the process at once with this code; null when it is not the program's to end.</summary>
    public Action<int>? Leave { get; init; }

    /// <summary>The process's own streams.</summary>
    public static CliStreams OfProcess() => new(
        Console.Out, Console.Error, !Console.IsOutputRedirected, !Console.IsErrorRedirected,
        Console.IsOutputRedirected ? FileWidth : ScreenWidth())
    {
        Leave = LateExit.Leave,
        ErrorWidth = ScreenWidth(),
    };

    private static int ScreenWidth() => Math.Max(40, Console.WindowWidth);
}
