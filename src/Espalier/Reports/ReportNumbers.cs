using System.Globalization;

namespace Espalier.Reports;

/// <summary>Numbers as people read them.</summary>
internal static class ReportNumbers
{
    internal static string Count(long? value) => value?.ToString("N0", CultureInfo.InvariantCulture) ?? "–";

    internal static string Percent(double? fraction) =>
        fraction is { } value ? (100 * value).ToString("0.0", CultureInfo.InvariantCulture) + " %" : "–";

    /// <summary>After as a share of before.</summary>
    internal static string Share(long? before, long? after) => before > 0 && after is { } value ? Percent((double)value / before.Value) : "";

    internal static string Metric(double value) =>
        Math.Abs(value) is >= 0.001 and < 1000 ? value.ToString("0.####", CultureInfo.InvariantCulture) : value.ToString("0.##e0", CultureInfo.InvariantCulture);

    internal static string Time(double seconds)
    {
        if (seconds < 100) return seconds.ToString("0.0", CultureInfo.InvariantCulture) + " s";
        var span = TimeSpan.FromSeconds(seconds);
        return span.TotalHours < 1 ? $"{span.Minutes} min {span.Seconds} s" : $"{(int)span.TotalHours} h {span.Minutes} min";
    }
}
