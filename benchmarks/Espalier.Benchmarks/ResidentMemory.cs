using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Runs;
using Espalier.Supervised;
using Espalier.Torch;

namespace Espalier.Benchmarks;

/// <summary>Memory of the process while it works for many steps: a leak of a few kilobytes a step would show.</summary>
internal static class ResidentMemory
{
    private const double MostGrowth = 4096;
    private static readonly string[] s_works = ["train", "compress"];

    /// <summary>Measures and prints a table in Markdown; true when nothing grows.</summary>
    public static bool Run(long steps)
    {
        Console.WriteLine("| work | steps | live tensors before, after | resident after half of them, MiB | at the end | growth, bytes a step |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|");
        return s_works.Aggregate(true, (flat, work) => flat & Measure(work, steps));
    }

    private static bool Measure(string work, long steps)
    {
        TorchRuntime.Threads = 1;
        var folder = Directory.CreateTempSubdirectory("espalier-memory-").FullName;
        try
        {
            var before = Tensor.LiveCount;
            var watch = new Watch();
            var compute = new Compute.ComputeOptions { Threads = 1 };
            var (model, data) = (Model(Path.Combine(folder, "model")), Images(64));
            if (work == "train") model.Train(Path.Combine(folder, "out"), new TrainOptions { Data = data, Effort = new TrainingEffort(Steps: steps), Recipe = new TrainRecipe { BatchSize = 16 }, Compute = compute }, watch);
            else model.Compress(Path.Combine(folder, "out"), new CompressOptions { Target = Target.KeepMacs(0.7), Images = data, Count = 64, Steps = steps, Compute = compute }, watch);
            var samples = watch.Longest();
            var (first, last) = (samples[samples.Count / 2], samples[^1]);
            var growth = (double)(last.Bytes - first.Bytes) / Math.Max(1, last.Step - first.Step);
            Console.WriteLine(FormattableString.Invariant($"| {work} | {last.Step} | {before}, {Tensor.LiveCount} | {first.Bytes / 1048576.0:0.0} | {last.Bytes / 1048576.0:0.0} | {growth:0} |"));
            return growth < MostGrowth && Tensor.LiveCount == before;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static EspalierModel Model(string folder)
    {
        var tiny = ModelRegistry.Find("tiny-test-vit")!;
        using var model = tiny.Architecture.Random(tiny.Preprocessing, 1);
        ModelFolder.Write(Directory.CreateDirectory(folder).FullName, model);
        return EspalierModel.Open(folder);
    }

    private static ImageDataset Images(int count)
    {
        const int Side = 32, Channels = 3, Classes = 10;
        return new("noise", [.. Enumerable.Range(0, count).Select(i =>
        {
            var random = new SeededRandom(1, "image", i);
            var pixels = new byte[Side * Side * Channels];
            foreach (ref var pixel in pixels.AsSpan()) pixel = (byte)random.NextInt(256);
            return (ImageItem)new ImageMemoryItem($"{i}", i % Classes, new ImageBuffer(Side, Side, Channels, pixels));
        })], classCount: Classes);
    }

    /// <summary>Notes the memory now and then in every stage that counts steps, without what the collector has not come to yet.</summary>
    private sealed class Watch : IProgress<ProgressUpdate>
    {
        private const int Every = 25;
        private readonly Dictionary<string, List<(long Step, long Bytes)>> _stages = [];

        public void Report(ProgressUpdate value)
        {
            if (value.Total == 0 || value.Step % Every != 0) return;
            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect();
            lock (_stages)
            {
                if (!_stages.TryGetValue(value.Stage, out var samples)) _stages[value.Stage] = samples = [];
                samples.Add((value.Step, Machine.ResidentBytes(peak: false)));
            }
        }

        public List<(long Step, long Bytes)> Longest() => _stages.Values.MaxBy(s => s[^1].Step)!;
    }
}
