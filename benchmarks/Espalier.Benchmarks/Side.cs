using System.Diagnostics;
using System.Globalization;

namespace Espalier.Benchmarks;

/// <summary>One side of the comparison: a long-lived process that works only while it owes an answer.</summary>
internal sealed class Side : IDisposable
{
    private readonly Process _process;

    private Side(string program, params string[] arguments) => _process = Process.Start(new ProcessStartInfo(program, arguments)
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
    })!;

    /// <summary>This program, as a worker.</summary>
    public static Side Espalier(params string[] images) => new("dotnet", [typeof(Side).Assembly.Location, "worker", .. images]);

    /// <summary>Debian's PyTorch: it uses the very libtorch that Espalier loads.</summary>
    public static Side PyTorch(string root, params string[] images) => new("/usr/bin/python3", [Path.Combine(root, "benchmarks", "peer", "worker.py"), .. images]);

    /// <summary>Time that so many steps take.</summary>
    public Rate Run(Workload work, int steps)
    {
        var answer = Ask($"{work} {steps}");
        return new Rate(work.Batch * steps / answer[0], work.Batch * steps / answer[1]);
    }

    /// <summary>Peak resident set so far, in bytes.</summary>
    public double PeakMemory() => Ask("memory")[0];

    private double[] Ask(string question)
    {
        _process.StandardInput.WriteLine(question);
        _process.StandardInput.Flush();
        var answer = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"No answer to '{question}'.");
        return [.. answer.Split(' ').Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}
