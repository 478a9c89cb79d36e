using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Espalier.Benchmarks;

/// <summary>The table, as text for people and as JSON.</summary>
internal sealed record Report(
    IReadOnlyList<(string Name, string Value)> Machine,
    IReadOnlyList<Comparison> Rows,
    (Workload Work, double Espalier, double PyTorch)? Memory)
{
    private const string Notes = "## Notes";

    public string Table()
    {
        var text = new StringBuilder();
        if (Rows.Count > 0) text.AppendLine("| ViT-Ti | batch | precision | threads | Espalier images/s | PyTorch images/s | ratio | min-max | ratio of processor time | min-max |");
        if (Rows.Count > 0) text.AppendLine("|---|---:|---|---:|---:|---:|---:|---|---:|---|");
        foreach (var (work, pairs) in Rows)
        {
            text.Append(Line($"| {work.Label} | {work.Batch} | {work.Precision} | {work.Threads} "))
                .Append(Line($"| {Comparison.Median(pairs.Select(p => p.Espalier.Clock)):F1} "))
                .Append(Line($"| {Comparison.Median(pairs.Select(p => p.PyTorch.Clock)):F1} "))
                .Append(Spread(pairs.Select(p => p.Ratio)))
                .Append(work.IsLoading ? "| | " : Spread(pairs.Select(p => p.CpuRatio))) // a worker process of a loader counts when it ends
                .AppendLine("|");
        }
        if (Memory is var (load, ours, theirs))
            text.AppendLine().Append(Line($"Peak memory of a fresh process after three steps of {load.Label}, {load.Precision}, batch {load.Batch}: "))
                .AppendLine(Line($"Espalier {ours / 1e6:F0} MB, PyTorch {theirs / 1e6:F0} MB, ratio {ours / theirs:F2}."));
        return text.ToString();
    }

    /// <summary>Writes <c>train-step.md</c> and <c>train-step.json</c>; what stands under the notes of an earlier report stays.</summary>
    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, "train-step.md");
        var earlier = File.Exists(path) ? File.ReadAllText(path) : "";
        var notes = earlier.IndexOf(Notes, StringComparison.Ordinal) is >= 0 and var at ? earlier[at..] : Notes + "\n";
        var machine = string.Join("\n", Machine.Select(m => $"- {m.Name}: {m.Value}"));
        File.WriteAllText(path, $"""
            # Speed of a training step

            `benchmarks/run.sh train-step` measures Espalier next to PyTorch (the plain ViT-Ti of `benchmarks/peer/vit.py`): two
            long-lived processes take turns, so that a pair of measurements shares the machine's state; a ratio above 1 means that
            Espalier is faster. {Rows[0].Pairs.Count} pairs a row; rates and ratios are medians. On a busy
            machine the ratio of processor time is the steadier one.

            {Table()}
            {machine}

            {notes}
            """);
        File.WriteAllText(Path.Combine(folder, "train-step.json"), Json());
    }

    private string Json() => JsonSerializer.Serialize(new
    {
        machine = Machine.ToDictionary(m => m.Name, m => m.Value),
        rows = Rows.Select(r => new
        {
            mode = r.Work.Mode, precision = r.Work.Precision, threads = r.Work.Threads, batch = r.Work.Batch,
            espalier = r.Pairs.Select(p => Math.Round(p.Espalier.Clock, 3)), pytorch = r.Pairs.Select(p => Math.Round(p.PyTorch.Clock, 3)),
            ratio = Math.Round(Comparison.Median(r.Pairs.Select(p => p.Ratio)), 4),
            cpuRatio = Math.Round(Comparison.Median(r.Pairs.Select(p => p.CpuRatio)), 4),
        }),
        peakMemoryBytes = Memory is var (_, ours, theirs) ? new { espalier = ours, pytorch = theirs } : null,
    }, new JsonSerializerOptions { WriteIndented = true }) + "\n";

    private static string Spread(IEnumerable<double> ratios)
    {
        var all = ratios.ToList();
        return Line($"| **{Comparison.Median(all):F2}** | {all.Min():F2}-{all.Max():F2} ");
    }

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
