using System.Text.RegularExpressions;

namespace Espalier.Torch.Native;

/// <summary>Turns what the system says about a library that does not load into what is missing, where it was looked for, and what installs it.</summary>
internal static partial class LoadFailure
{
    private const string DebianVersion = ".so.1.13";
    private const string Install = "sudo apt-get install --no-install-recommends libtorch1.13 libopenblas0-openmp";

    /// <param name="door">The library that was asked for.</param>
    /// <param name="report">The system's report, of several lines.</param>
    /// <param name="libraryPath"><c>LD_LIBRARY_PATH</c>.</param>
    internal static string Explain(string door, string report, string? libraryPath)
    {
        if (Missing().Match(report) is not { Success: true } match)
            return $"{door} cannot be loaded ({Reason(report)}); rebuild it with ./espalier --version in a checkout.";
        var (library, places) = (match.Groups["library"].Value, string.IsNullOrEmpty(libraryPath) ? "LD_LIBRARY_PATH (empty)" : $"LD_LIBRARY_PATH ({libraryPath})");
        var advice = library.EndsWith(DebianVersion, StringComparison.Ordinal)
            ? $"install Debian 12's libtorch 1.13 with: {Install}"
            : "add the folder of the libtorch it was built against to LD_LIBRARY_PATH";
        return $"libtorch is missing: {door} needs {library}, which is neither in {places} nor in the system's library folders; {advice}";
    }

    // The last line that says anything: the ones before it are advice for whoever debugs the loader.
    private static string Reason(string report) =>
        report.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ?? "no reason given";

    [GeneratedRegex(@"^(?<library>lib\S+): cannot open shared object file", RegexOptions.Multiline)]
    private static partial Regex Missing();
}
