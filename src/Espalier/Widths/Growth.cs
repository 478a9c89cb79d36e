namespace Espalier.Widths;

/// <summary>How much further from the teacher a change makes a student, as far as the judging images can tell.</summary>
/// <param name="Kl">Mean over the images of KL after minus KL before, in nats; infinite when answers are no numbers.</param>
/// <param name="Error">Standard error of that mean: the images are the same ones before and after.</param>
internal readonly record struct Growth(double Kl, double Error)
{
    /// <param name="sum">Σ of the differences.</param>
    /// <param name="squares">Σ of their squares.</param>
    /// <param name="count">Images.</param>
    internal static Growth Of(double sum, double squares, int count)
    {
        var mean = sum / count;
        if (!double.IsFinite(mean)) return new(double.PositiveInfinity, 0);
        // One image alone says nothing of its error, so there is no end to what that may be.
        return new(mean, count < 2 ? double.PositiveInfinity : Math.Sqrt(Math.Max(0, squares - count * mean * mean) / (count - 1) / count));
    }
}
