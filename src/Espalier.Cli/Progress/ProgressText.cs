using System.Globalization;
using Espalier.Runs;

namespace Espalier.Cli.Progress;

/// <summary>The words of a progress update.</summary>
internal static class ProgressText
{
    /// <summary>Loss, rate and time left, as far as known.</summary>
    public static string Details(ProgressUpdate update)
    {
        List<string> parts = [];
        if (update.Loss is { } loss) parts.Add(string.Create(CultureInfo.InvariantCulture, $"loss {loss:0.####}"));
        if (update.Status is { } status) parts.Add(status);
        if (update.Rate is { } rate) parts.Add(string.Create(CultureInfo.InvariantCulture, $"{rate:0.#} {update.Unit ?? "steps"}/s"));
        if (update.Left is { } left && !update.IsComplete) parts.Add($"{Span(left)} left");
        return string.Join(", ", parts);
    }

    /// <summary>A time as <c>3:07</c> or <c>1:02:45</c>.</summary>
    public static string Span(TimeSpan time) =>
        time.TotalHours >= 1 ? $"{(long)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}" : $"{time.Minutes}:{time.Seconds:00}";
}
