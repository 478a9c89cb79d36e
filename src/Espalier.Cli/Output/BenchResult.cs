using Spectre.Console;

namespace Espalier.Cli.Output;

/// <summary>Result of <c>bench</c>.</summary>
public sealed record BenchResult(int Batch, int Threads, string Device, Spread LatencyMs, double ImagesPerSecond) : CommandResult
{
    /// <summary>Paired run by run; only with <c>--against</c>. Above 1: the first model is faster.</summary>
    public Spread? Speedup { get; init; }

    public Spread? AgainstLatencyMs { get; init; }

    public override void Write(IAnsiConsole console)
    {
        console.WriteText($"batch {Batch}, {Threads} threads, {Device}: {ImagesPerSecond:0.##} images/s");
        List<IReadOnlyList<string>> rows = [Row("latency (ms)", LatencyMs)];
        if (AgainstLatencyMs is { } other) rows.Add(Row("latency of the other (ms)", other));
        if (Speedup is { } speedup) rows.Add(Row("speedup", speedup));
        console.WriteTable(["", "median", "p10", "p90"], rows);
    }

    private static IReadOnlyList<string> Row(string name, Spread s) => [name, Tables.Number(s.Median), Tables.Number(s.P10), Tables.Number(s.P90)];
}

/// <summary>Median and the 10th and 90th percentile.</summary>
public sealed record Spread(double Median, double P10, double P90);
