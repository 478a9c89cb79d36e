namespace Espalier.Benchmarks.Kills;

/// <summary>A command that is killed and resumed.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Words">The command but for its output and what all have in common; MODEL, IMAGES and STUDY stand for the ground's.</param>
internal sealed record KillCase(string Name, string Words)
{
    public static IReadOnlyList<KillCase> All { get; } =
    [
        new("train", "train MODEL --data IMAGES --steps 30 --batch 8 --ema 0.9 --hold-out 8 --eval IMAGES --precision fp32"),
        new("compress espalier", "compress MODEL --keep-macs 0.7 --images IMAGES -n 24 --steps 20 --synthesis-steps 10 --precision fp32"),
        new("compress dc-vit", "compress MODEL --keep-macs 0.8 --method dc-vit --images IMAGES -n 12 --steps 8 --synthesis-steps 10 --precision fp32"),
        new("search", "search MODEL --keep-macs 0.5 --count full --data IMAGES --batch 8 --steps 30 --precision fp32"),
        new("sweep", "sweep MODEL --from 0.9 --to 0.6 --points 3 --images IMAGES -n 16 --steps 6 --synthesis-steps 4 --precision fp32"),
        new("synthesize", "synthesize MODEL -n 6 --steps 60 --precision fp32"),
        new("study", "study STUDY --set model=MODEL --set images=IMAGES --precision fp32"),
    ];

    /// <summary>The whole command line: every step is saved, one thread computes, so that the same run gives the same bytes.</summary>
    public string[] CommandLine(KillGround ground, string output) =>
    [
        .. Words.Split(' ').Select(w => w.Replace("MODEL", ground.Model).Replace("IMAGES", ground.Images).Replace("STUDY", ground.Study)),
        "--seed", "3", "--threads", "1", "--save-every", "0", "--quiet", "-o", output,
    ];

    /// <summary>What a finished run must leave alike: weights, tensors and configurations, by their paths in the folder.</summary>
    public static SortedDictionary<string, byte[]> Results(string output)
    {
        var files = Directory.EnumerateFiles(output, "*", SearchOption.AllDirectories)
            .Where(f => Path.GetExtension(f) == ".safetensors" || Path.GetFileName(f) == "config.json");
        return new(files.ToDictionary(f => Path.GetRelativePath(output, f), File.ReadAllBytes), StringComparer.Ordinal);
    }

    /// <summary>The first file that is not the same in both; null when all are.</summary>
    public static string? Difference(SortedDictionary<string, byte[]> whole, SortedDictionary<string, byte[]> resumed) =>
        whole.Keys.Union(resumed.Keys).FirstOrDefault(name => !whole.TryGetValue(name, out var a) || !resumed.TryGetValue(name, out var b) || !a.AsSpan().SequenceEqual(b));
}
