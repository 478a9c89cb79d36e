namespace Espalier.Training;

/// <summary>A loss curve thinned to at most a few hundred points: each is the mean over a stretch of equal length.</summary>
public sealed class LossCurve(long totalSteps, int points = 200)
{
    private readonly long _stretch = Math.Max(1, totalSteps / points);
    private readonly List<(long, double)> _points = [];
    private double _sum;
    private int _count;

    public IReadOnlyList<(long Step, double Loss)> Points => _points;

    /// <summary>Mean of the last finished stretch; NaN before the first.</summary>
    public double Last => _points.Count > 0 ? _points[^1].Item2 : double.NaN;

    public void Add(long step, double loss)
    {
        (_sum, _count) = (_sum + loss, _count + 1);
        if (step % _stretch != 0 && step != totalSteps) return;
        _points.Add((step, _sum / _count));
        (_sum, _count) = (0, 0);
    }
}
