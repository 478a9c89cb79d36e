namespace Espalier.Testing;

/// <summary>A clock that goes on by a little whenever it is looked at, as if the machine had become slower as soon as more is done between two looks.</summary>
internal sealed class SlowTime(TimeSpan look) : TimeProvider
{
    private long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);

    public override long GetTimestamp() => Interlocked.Add(ref _ticks, look.Ticks);
}
