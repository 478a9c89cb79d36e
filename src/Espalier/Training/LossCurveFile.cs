using System.Globalization;
using Espalier.Models.Formats;

namespace Espalier.Training;

/// <summary>A loss curve as a small file of a step: a line "step loss" each.</summary>
public sealed class LossCurveFile(string name = "loss.txt")
{
    public void Write(string folder, LossCurve curve) => AtomicFile.WriteText(Path.Combine(folder, name),
        string.Concat(curve.Points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Step} {p.Loss:R}\n"))));

    /// <summary>The points; none when there is no file.</summary>
    public IReadOnlyList<(long Step, double Loss)> Read(string folder)
    {
        var path = Path.Combine(folder, name);
        if (!File.Exists(path)) return [];
        return [.. File.ReadLines(path).Select(line => line.Split(' ')).Select(parts =>
            (long.Parse(parts[0], CultureInfo.InvariantCulture), double.Parse(parts[1], CultureInfo.InvariantCulture)))];
    }
}
