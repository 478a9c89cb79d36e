namespace Espalier.Benchmarks;

/// <summary>What both sides are asked to do; written as one line of words for the pipe between driver and worker.</summary>
/// <param name="Mode"><c>forward</c>, <c>backward</c> (forward, backward, gradients cleared) or <c>step</c> (and AdamW).</param>
/// <param name="Precision"><c>fp32</c> or <c>bf16</c> (autocast).</param>
/// <param name="Threads">Threads of one operation.</param>
/// <param name="Batch">Images per step.</param>
internal sealed record Workload(string Mode, string Precision, int Threads, int Batch)
{
    /// <summary>Every row of the table, in its order.</summary>
    public static IEnumerable<Workload> All(int batch) =>
        from mode in new[] { "backward", "step", "forward" }
        from precision in new[] { "fp32", "bf16" }
        from threads in new[] { 1, 2 }
        select new Workload(mode, precision, threads, batch);

    public static Workload Parse(string[] words) => new(words[0], words[1], int.Parse(words[2]), int.Parse(words[3]));

    /// <summary>The mode in the table's words.</summary>
    public string Label => Mode switch
    {
        "backward" => "forward + backward",
        "step" => "forward + backward + AdamW",
        _ => "forward",
    };

    public override string ToString() => $"{Mode} {Precision} {Threads} {Batch}";
}
