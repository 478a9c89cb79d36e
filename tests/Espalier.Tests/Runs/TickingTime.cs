namespace Espalier.Testing;

/// <summary>A clock that goes on a little every time it is read: equal work takes equal time, on any machine.</summary>
internal sealed class TickingTime(TimeSpan tick) : TimeProvider
{
    private long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Add(ref _ticks, tick.Ticks);
}
