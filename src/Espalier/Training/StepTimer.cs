namespace Espalier.Training;

/// <summary>Finds how many steps fit into a time, before a schedule over them is fixed.</summary>
public static class StepTimer
{
    private const int Warm = 1, Timed = 3;
    // The first steps also fill queues of images and may take twice as long as those to come, so that one alone says little; more of slow ones cost too much.
    private static readonly TimeSpan s_enough = TimeSpan.FromSeconds(4);

    /// <summary>Seconds of one step: the median of a few after a warm-up one, or of fewer when they are slow. The loop is a throw-away: its parameters move.</summary>
    /// <param name="makeLoop">Makes the loop, which must be told of every step and be able to run <see cref="Steps"/>. Disposed here.</param>
    /// <param name="time">The clock.</param>
    public static double Measure(Func<LoopHooks, TrainingLoop> makeLoop, TimeProvider time)
    {
        var marks = new List<long>();
        using (var loop = makeLoop(new LoopHooks(_ => marks.Add(time.GetTimestamp()), () => marks is [var warm, .., var last] && time.GetElapsedTime(warm, last) > s_enough)))
            loop.Run();
        var seconds = marks.Zip(marks.Skip(1)).Select(p => time.GetElapsedTime(p.First, p.Second).TotalSeconds).Order().ToList();
        return seconds[(seconds.Count - 1) / 2];
    }

    /// <summary>Steps a measuring loop may have to run.</summary>
    public static int Steps => Warm + Timed;
}
