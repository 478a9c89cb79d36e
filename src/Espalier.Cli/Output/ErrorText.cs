namespace Espalier.Cli.Output;

/// <summary>An error as the command line tells it: in the library's words, and with the options that are meant.</summary>
internal static class ErrorText
{
    // What the command line calls otherwise than by its words with hyphens between them.
    private static readonly Dictionary<string, string> s_options = new()
    {
        ["BatchSize"] = "--batch", ["Candidates"] = "--blocks", ["Existing"] = "--force", ["LearningRate"] = "--lr", ["MlpInit"] = "--unit-choice",
        ["SampleList"] = "--samples",
    };

    /// <summary>The message; options that it does not name itself follow at its end.</summary>
    public static string Of(EspalierException error)
    {
        var options = error.Settings.Select(OptionOf).Where(option => !error.Message.Contains(option, StringComparison.Ordinal)).ToList();
        return options.Count == 0 ? error.Message : $"{error.Message.TrimEnd('.')} ({string.Join(", ", options)}).";
    }

    /// <summary>The option for a setting of the library.</summary>
    public static string OptionOf(string setting) => s_options.GetValueOrDefault(setting)
        ?? "-" + string.Concat(setting.Select(c => char.IsUpper(c) ? $"-{char.ToLowerInvariant(c)}" : $"{c}"));
}
