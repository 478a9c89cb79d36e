using System.Diagnostics;

namespace Espalier.Benchmarks.Fuzzing;

/// <summary>How an input ended.</summary>
internal enum FuzzEnd
{
    Accepted,
    Refused,
    Finding,
}

/// <summary>Runs inputs through parsers and says what must not be: another exception, a second without an answer, memory the input does not warrant.</summary>
internal static class FuzzRunner
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    /// <summary>Reads one input.</summary>
    /// <returns>How it ended, what is wrong when it is a finding, and the time it took.</returns>
    public static (FuzzEnd End, string? Fault, TimeSpan Time) Run(FuzzTarget target, byte[] input)
    {
        var (end, fault, time) = Once(target, input);
        // Others work on this machine, too: only what is slow each time is slow.
        for (var again = 0; again < 2 && time > s_patience; again++)
            if (Once(target, input).Time is var next && next < time) time = next;
        return time > s_patience ? (FuzzEnd.Finding, $"took {time.TotalSeconds:0.0} s", time) : (end, fault, time);
    }

    private static (FuzzEnd End, string? Fault, TimeSpan Time) Once(FuzzTarget target, byte[] input)
    {
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var begun = Stopwatch.GetTimestamp();
        var end = FuzzEnd.Accepted;
        string? fault = null;
        try
        {
            target.Read(input);
        }
        catch (InputException e)
        {
            (end, fault) = e.Message.Contains(target.Path, StringComparison.Ordinal) ? (FuzzEnd.Refused, null) : (FuzzEnd.Finding, $"does not name {target.Path}: {e.Message}");
        }
        catch (Exception e)
        {
            (end, fault) = (FuzzEnd.Finding, e.ToString());
        }
        var time = Stopwatch.GetElapsedTime(begun);
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        return allocated > target.FreeBytes + target.BytesPerByte * input.Length
            ? (FuzzEnd.Finding, $"allocated {allocated} bytes for an input of {input.Length}{(fault is null ? "" : $" ({fault})")}", time) : (end, fault, time);
    }
}
