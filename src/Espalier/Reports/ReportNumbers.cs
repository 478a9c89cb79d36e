using System.Globalization;

namespace Espalier.Reports;

/// <summary>Numbers as people read them.</summary>
internal static class ReportNumbers
{
    internal static string Count(long? value) => value?.ToString("N0", CultureInfo.InvariantCulture) ?? "–";

    /// <summary>Three digits and a unit: 1.08 G, 816 M, 205 k.</summary>
    internal static string Short(long value)
    {
        var (scaled, unit) = value switch { >= 1_000_000_000 => (value / 1e9, " G"), >= 1_000_000 => (value / 1e6, " M"), >= 1000 => (value / 1e3, " k"), _ => (value, "") };
        return scaled.ToString(scaled >= 100 ? "0" : scaled >= 10 ? "0.0" : unit.Length == 0 ? "0" : "0.00", CultureInfo.InvariantCulture) + unit;
    }

    internal static string Percent(double? fraction, string digits = "0.0") =>
        fraction is { } value ? (100 * value).ToString(digits, CultureInfo.InvariantCulture) + " %" : "–";

    /// <summary>After as a share of before.</summary>
    internal static string Share(long? before, long? after, string digits = "0.0") =>
        before > 0 && after is { } value ? Percent((double)value / before.Value, digits) : "";

    /// <summary>A change of a fraction, in points.</summary>
    internal static string Points(double? before, double? after) =>
        before is { } b && after is { } a ? (100 * (a - b)).ToString("+0.0;−0.0;0.0", CultureInfo.InvariantCulture) + " pts" : "";

    internal static string Metric(double value) =>
        Math.Abs(value) is >= 0.001 and < 1000 ? value.ToString("0.####", CultureInfo.InvariantCulture) : value.ToString("0.##e0", CultureInfo.InvariantCulture);

    /// <summary>The end of a path, which is enough to tell runs apart in a picture.</summary>
    internal static string LastName(string path) => Path.GetFileName(Path.TrimEndingDirectorySeparator(path));

    internal static string Time(double seconds)
    {
        if (seconds < 100) return seconds.ToString("0.0", CultureInfo.InvariantCulture) + " s";
        if (!(seconds < TimeSpan.MaxValue.TotalSeconds / 2)) return "an unknown time";
        var span = TimeSpan.FromSeconds(seconds);
        return span.TotalHours < 1 ? $"{span.Minutes} min {span.Seconds} s" : $"{(int)span.TotalHours} h {span.Minutes} min";
    }
}
