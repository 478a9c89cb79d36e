namespace Espalier;

/// <summary>Values out of their ranges, told together and alike in every culture.</summary>
internal sealed class FaultList
{
    private readonly List<string> _faults = [];

    /// <param name="isInRange">Whether the value is as it should be; NaN must not be.</param>
    /// <param name="fault">What the value is for, the value, its range.</param>
    internal void Unless(bool isInRange, FormattableString fault)
    {
        if (!isInRange) _faults.Add(FormattableString.Invariant(fault));
    }

    /// <param name="owner">Whose values they are, as the message begins.</param>
    /// <exception cref="UsageException">There is a fault.</exception>
    internal void Throw(string owner)
    {
        if (_faults.Count > 0) throw new UsageException($"{owner}: {string.Join("; ", _faults)}.");
    }
}
