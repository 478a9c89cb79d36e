using System.Globalization;

namespace Espalier.Reports;

/// <summary>The loss over the steps of a run; a logarithmic axis when it falls by more than ten times.</summary>
internal static class LineChart
{
    private const int Width = 360, Height = 180, Left = 48, Bottom = 24, Top = 10, Right = 8, MostPoints = 600;

    internal static Html Draw(IReadOnlyList<ReportLoss> losses)
    {
        var points = losses.Where(l => double.IsFinite(l.Loss)).ToList();
        if (points.Count < 2) return Html.Empty;
        if (points.Count > MostPoints) points = [.. points.Where((_, i) => i % ((points.Count + MostPoints - 1) / MostPoints) == 0), points[^1]];
        double low = points.Min(p => p.Loss), high = points.Max(p => p.Loss);
        var logarithmic = low > 0 && high > 10 * low;
        double Scale(double loss) => logarithmic ? Math.Log(loss) : loss;
        double first = points.Min(p => p.Step), last = points.Max(p => p.Step);
        double X(double step) => Left + (last > first ? (step - first) / (last - first) : 0) * (Width - Left - Right);
        double Y(double loss) => Top + (high > low ? (Scale(high) - Scale(loss)) / (Scale(high) - Scale(low)) : 0.5) * (Height - Top - Bottom);
        var path = string.Join(' ', points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{X(p.Step):0.##},{Y(p.Loss):0.##}")));
        return Html.Of($"""
            <svg viewBox="0 0 {Width} {Height}" role="img" aria-label="Loss curve">
            <path class="axis" fill="none" d="M{Left} {Top}V{Height - Bottom}H{Width - Right}"/>
            <text x="{Left - 4}" y="{Top + 6}" text-anchor="end">{ReportNumbers.Metric(high)}</text>
            <text x="{Left - 4}" y="{Height - Bottom}" text-anchor="end">{ReportNumbers.Metric(low)}</text>
            <text x="{Left}" y="{Height - 8}">step {first:0}</text>
            <text x="{Width - Right}" y="{Height - 8}" text-anchor="end">step {last:0}{(logarithmic ? ", loss on a logarithmic axis" : "")}</text>
            <polyline class="curve" points="{path}"/></svg>
            """);
    }
}
