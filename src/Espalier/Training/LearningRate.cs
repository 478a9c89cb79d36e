namespace Espalier.Training;

/// <summary>Where the 1 % (or more) at the start of a run goes.</summary>
public enum WarmUp
{
    None,
    /// <summary>The learning rate rises linearly.</summary>
    LearningRate,
    /// <summary>The loss is scaled by epoch/warm-up epochs, as DC-ViT's code does: its first epoch has no gradient.</summary>
    Loss,
}

/// <summary>
/// Cosine decay over the steps of a run, described by shape alone, so that it stays the same whatever number of steps there is.
/// </summary>
public sealed record LearningRate
{
    /// <summary>Highest rate.</summary>
    public required double Peak { get; init; }

    /// <summary>Last rate as a fraction of the peak.</summary>
    public double Floor { get; init; }

    public WarmUp WarmUp { get; init; } = WarmUp.None;

    /// <summary>First rate of a learning-rate warm-up as a fraction of the peak; null starts one step above 0.</summary>
    public double? Start { get; init; }

    /// <summary>Share of the run spent warming up, in [0, 1).</summary>
    public double WarmUpShare { get; init; } = 0.01;

    /// <summary>Rate changes only every so many steps (an epoch, in DC-ViT); 1 changes it each step.</summary>
    public int Period { get; init; } = 1;

    /// <summary>How often the whole shape is run through, in parts of equal length.</summary>
    public int Passes { get; init; } = 1;

    /// <summary>The rate of step <paramref name="step"/> of <paramref name="total"/>, counted from 0.</summary>
    public double At(long step, long total)
    {
        var (t, n) = Phase(step, total);
        var warm = WarmUp == WarmUp.LearningRate ? WarmUpShare * n : 0;
        if (t < warm) return Peak * (Start is { } start ? start + (1 - start) * t / warm : Math.Min((t + 1) / warm, 1));
        var progress = n <= warm ? 1 : (t - warm) / (n - warm);
        return Peak * (Floor + (1 - Floor) * 0.5 * (1 + Math.Cos(Math.PI * progress)));
    }

    /// <summary>Factor on the loss of that step: below 1 only while a <see cref="WarmUp.Loss"/> warm-up lasts.</summary>
    public double LossFactor(long step, long total)
    {
        if (WarmUp != WarmUp.Loss) return 1;
        var (t, n) = Phase(step, total);
        var warm = WarmUpShare * n;
        return warm <= 0 ? 1 : Math.Min(t / warm, 1);
    }

    private (double Step, double Total) Phase(long step, long total)
    {
        var length = Math.Max(1, total / Passes);
        var pass = Math.Min(step / length, Passes - 1);
        // The last pass has what does not divide.
        var steps = pass == Passes - 1 ? total - pass * length : length;
        return ((step - pass * length) / Period, Math.Max(1, (double)steps / Period));
    }
}
