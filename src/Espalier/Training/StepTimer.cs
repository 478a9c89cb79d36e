namespace Espalier.Training;

/// <summary>Finds how many steps fit into a time, before a schedule over them is fixed.</summary>
public static class StepTimer
{
    private const int Warm = 1, Timed = 3;

    /// <summary>Seconds of one step: the median of a few after a warm-up one. The loop is a throw-away: its parameters move.</summary>
    /// <param name="makeLoop">Makes the loop; it must run at least four steps. Disposed here.</param>
    /// <param name="time">The clock.</param>
    public static double Measure(Func<Action<StepReport>, TrainingLoop> makeLoop, TimeProvider time)
    {
        var marks = new List<long>();
        using (var loop = makeLoop(_ => marks.Add(time.GetTimestamp()))) loop.Run();
        var seconds = marks.Zip(marks.Skip(1)).Select(p => time.GetElapsedTime(p.First, p.Second).TotalSeconds).Order().ToList();
        return seconds[seconds.Count / 2];
    }

    /// <summary>Steps a measuring loop has to run.</summary>
    public static int Steps => Warm + Timed;
}
