namespace Espalier.Benchmarks;

/// <summary>What both sides are asked to do; written as one line of words for the pipe between driver and worker.</summary>
/// <param name="Mode">
/// <c>forward</c>, <c>backward</c> (forward, backward, gradients cleared) or <c>step</c> (and AdamW); <c>mimic</c>, <c>middle</c>, <c>local</c> and <c>rank</c>, steps of
/// few-shot finetunes; <c>load</c> and <c>load-cached</c>, images from files.
/// </param>
/// <param name="Precision"><c>fp32</c> or <c>bf16</c> (autocast); the other side's few-shot steps are in fp32 whatever it says, as the published code's.</param>
/// <param name="Threads">Threads of one operation, or of a loader.</param>
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

    /// <summary>What few-shot compression does, likewise: batches of what fits the method.</summary>
    public static IEnumerable<Workload> FewShot() =>
    [
        .. from mode in new[] { "mimic", "middle" } from precision in new[] { "fp32", "bf16" } select new Workload(mode, precision, 2, 16),
        .. from mode in new[] { "local", "rank" } from precision in new[] { "fp32", "bf16" } select new Workload(mode, precision, 2, 16),
        .. from mode in new[] { "load", "load-cached" } from threads in new[] { 1, 2 } select new Workload(mode, "bytes", threads, 64),
    ];

    public bool IsBf16 => Precision == "bf16";

    /// <summary>Steps of one measurement: about a second or two on a core of 2023.</summary>
    public int Steps => IsLoading ? 12 : Mode == "forward" ? 3 : 1;

    /// <summary>
    /// Steps not measured before every measurement: what a loader prepared while the other side worked is used up by then, and what its threads do is
    /// what its answers took.
    /// </summary>
    public int Lead => IsLoading ? 8 : 0;

    /// <summary>Images are read from files, by threads or processes of the loader.</summary>
    public bool IsLoading => Mode is "load" or "load-cached";

    /// <summary>The mode in the table's words.</summary>
    public string Label => Mode switch
    {
        "backward" => "forward + backward",
        "step" => "forward + backward + AdamW",
        "mimic" => "DC-ViT's finetune, block 4 cut",
        "middle" => "the same, features after block 5 (`--feature middle_block`)",
        "local" => "the same, blocks 2 to 5 alone",
        "rank" => "a step for each of 10 candidates (`--switch ranking=local`)",
        "load" => "JPEG files decoded, cropped, flipped, normalised",
        "load-cached" => "the same, decoded images kept",
        _ => "forward",
    };

    public override string ToString() => $"{Mode} {Precision} {Threads} {Batch}";
}
