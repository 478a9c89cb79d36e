using System.Diagnostics;
using Espalier.Torch;

namespace Espalier.Benchmarks;

/// <summary>
/// Espalier's side of the comparisons; speaks as <c>peer/worker.py</c> does. Answers each line "mode precision threads batch
/// steps" with the seconds and the processor seconds those steps took, and "memory" with the peak resident set in bytes.
/// </summary>
/// <param name="images">A folder of images, for what loads some.</param>
internal sealed class Worker(string? images) : IDisposable
{
    private readonly Dictionary<Workload, IWork> _works = [];

    public static void Serve(TextReader input, TextWriter output, string? images)
    {
        using var worker = new Worker(images);
        while (input.ReadLine() is { } line)
        {
            var words = line.Split(' ');
            output.WriteLine(words is ["memory"] ? $"{Machine.ResidentBytes(peak: true)}" : worker.Measure(Workload.Parse(words), int.Parse(words[4])));
            output.Flush();
        }
    }

    private string Measure(Workload asked, int steps)
    {
        TorchRuntime.Threads = asked.Threads;
        if (!_works.TryGetValue(asked, out var work))
        {
            _works[asked] = work = Works.Make(asked, images);
            work.Do(1);
        }
        var (begun, spent) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        work.Do(steps);
        var (seconds, cpu) = (Stopwatch.GetElapsedTime(begun).TotalSeconds, (Environment.CpuUsage.TotalTime - spent).TotalSeconds);
        return FormattableString.Invariant($"{seconds:R} {cpu:R}");
    }

    public void Dispose()
    {
        foreach (var work in _works.Values) work.Dispose();
    }
}
