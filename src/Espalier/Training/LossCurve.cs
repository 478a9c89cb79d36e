using System.Globalization;

namespace Espalier.Training;

/// <summary>A loss curve thinned to at most a few hundred points: each is the mean of the losses read over a stretch of about equal length.</summary>
public sealed class LossCurve(long totalSteps, int points = 200)
{
    private readonly long _stretch = Math.Max(1, totalSteps / points);
    private readonly List<(long, double)> _points = [];
    private double _sum;
    private int _count;

    public IReadOnlyList<(long Step, double Loss)> Points => _points;

    /// <summary>The last step whose loss was added; 0 before the first.</summary>
    public long Step { get; private set; }

    /// <summary>Mean of the last finished stretch; NaN before the first.</summary>
    public double Last => _points.Count > 0 ? _points[^1].Item2 : double.NaN;

    public void Add(long step, double loss)
    {
        (_sum, _count, Step) = (_sum + loss, _count + 1, step);
        // Losses may be read only now and then, and never at a stretch's very end.
        var last = _points.Count > 0 ? _points[^1].Item1 : 0;
        if (step / _stretch == last / _stretch && step != totalSteps) return;
        _points.Add((step, _sum / _count));
        (_sum, _count) = (0, 0);
    }

    /// <summary>All there is, unfinished stretch included, as text for a checkpoint.</summary>
    internal string Snapshot() => string.Join(' ',
        new FormattableString[] { $"{Step} {_count} {_sum:R}" }.Concat(_points.Select(p => (FormattableString)$"{p.Item1} {p.Item2:R}")).Select(FormattableString.Invariant));

    /// <summary>Takes up a <see cref="Snapshot"/>.</summary>
    /// <exception cref="InputException">It is none.</exception>
    internal void Restore(string snapshot)
    {
        var words = snapshot.Split(' ');
        if (words.Length % 2 == 0) throw new InputException("The checkpoint's losses are cut short.");
        (Step, _count, _sum) = (Whole(words[0]), (int)Whole(words[1]), Real(words[2]));
        _points.Clear();
        _points.AddRange(words.Skip(3).Chunk(2).Select(pair => (Whole(pair[0]), Real(pair[1]))));

        static long Whole(string word) => long.TryParse(word, CultureInfo.InvariantCulture, out var n) ? n : throw Odd(word);
        static double Real(string word) => double.TryParse(word, CultureInfo.InvariantCulture, out var x) ? x : throw Odd(word);
        static InputException Odd(string word) => new($"The checkpoint's losses hold '{word}', which is no number.");
    }
}
