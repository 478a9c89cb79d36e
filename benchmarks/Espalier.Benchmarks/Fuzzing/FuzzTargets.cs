using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Pickle;
using Espalier.Models.Formats.Safetensors;
using Espalier.Reports;
using Espalier.Runs;
using Espalier.Studies;

namespace Espalier.Benchmarks.Fuzzing;

/// <summary>Every way a file gets in.</summary>
/// <param name="folder">Where the inputs go.</param>
/// <param name="fixtures">Folder of good images.</param>
/// <param name="torch">Folder of checkpoints that PyTorch wrote, <c>zip-*.pth</c> and <c>legacy-*.pth</c>; null goes by our own alone.</param>
internal sealed class FuzzTargets(FuzzFolder folder, string fixtures, string? torch = null)
{
    /// <summary>Parsers of text and of tensors.</summary>
    public ImmutableArray<FuzzTarget> Parsers() =>
    [
        File("safetensors", "a.safetensors", FuzzSeeds.Safetensors(), Safetensors, path =>
        {
            using var file = SafetensorsFile.Open(path);
            ReadAll(file);
        }),
        Index(),
        File("pth-zip", "a.pth", [.. FuzzSeeds.Zips(), .. FromPyTorch("zip-*.pth")], ZipMutation.Change, ReadTorch),
        File("pth-legacy", "b.pth", [.. FuzzSeeds.Legacy(), .. FromPyTorch("legacy-*.pth")], PickleMutation.Change, ReadTorch),
        File("config", "config.json", FuzzSeeds.Configs(), JsonMutation.Change, path =>
        {
            var config = ModelConfig.Parse(SmallFile.ReadText(path), path);
            if (config.Architecture is not { } net) return;
            Use(net);
            if (config.Preprocessing is not null) ModelConfig.Parse(config.ToJson(), path);
        }),
        File("preprocessor", "preprocessor_config.json", FuzzSeeds.Preprocessors(), JsonMutation.Change, path =>
            PreprocessorConfig.Parse(PreprocessorConfig.ToJson(PreprocessorConfig.Parse(SmallFile.ReadText(path), path)), path)),
        Folder(),
        Labels(),
        File("run", "run.json", FuzzSeeds.Runs(), JsonMutation.Change, path =>
        {
            // Both files of a run folder at once, whichever the input is meant for.
            System.IO.File.Copy(path, folder["state.json"], overwrite: true);
            using var run = RunFolder.Open(folder.Path);
            _ = TimeSpan.FromSeconds(run.State.Seconds);
            _ = run.Manifest.Arguments.Sum(a => a.Length) + run.State.Done.Sum(d => d.Length) + run.Manifest.WorkingDirectory.Length;
        }) with { Path = folder.Path },
        File("report", "report.json", FuzzSeeds.Reports(), JsonMutation.Change, path => ReportHtml.Build([(RunReport.Load(folder.Path), folder.Path)])) with { FreeBytes = 16 << 20 },
        File("study", "study.json", FuzzSeeds.Studies(), JsonMutation.Change, path =>
        {
            try
            {
                foreach (var row in StudyFile.Read(path, null, new Dictionary<string, string> { ["images"] = "x" }).Rows()) _ = row.Id;
            }
            catch (UsageException)
            {
                // A study may well ask for a variable that was not given.
            }
        }) with { BytesPerByte = 4096 },
    ];

    /// <summary>Parsers of images.</summary>
    public ImmutableArray<FuzzTarget> Images() =>
        [Image("png", ImageMutation.Png), Image("jpeg", ImageMutation.Jpeg), Image("webp", ImageMutation.Webp), Image("bmp", ImageMutation.Bmp)];

    private FuzzTarget File(string name, string file, IReadOnlyList<byte[]> seeds, Func<byte[], byte[], SeededRandom, byte[]> change, Action<string> read)
    {
        var path = folder[file];
        return new(name, seeds, change, input => read(folder.Write(file, input)), path);
    }

    private FuzzTarget Index()
    {
        folder.Write("part-1.safetensors", FuzzSeeds.Safetensors()[0]);
        folder.Write("part-2.safetensors", FuzzSeeds.Shard("d"));
        folder.Outside("outside.safetensors", FuzzSeeds.Shard("d"));
        return File("index", "model.safetensors.index.json", FuzzSeeds.Indices(), JsonMutation.Change, path =>
        {
            using var file = ShardedFile.Open(path);
            foreach (var shard in ShardedFile.Shards(path)) folder.RequireInside(shard);
            ReadAll(file);
        }) with { Path = folder.Path };
    }

    // A whole model: the config, the preprocessing or the weights are bad, the rest is good.
    private FuzzTarget Folder()
    {
        var files = FuzzSeeds.Folder();
        var names = files.Keys.ToList();
        foreach (var (name, bytes) in files) folder.Write($"model/{name}", bytes);
        // The first byte says which file the rest is.
        return new("model folder", [.. names.Select((name, i) => (byte[])[(byte)i, .. files[name]])],
            (seed, other, random) => [seed[0], .. names[seed[0]].EndsWith(".json", StringComparison.Ordinal) ? JsonMutation.Change(seed[1..], other[1..], random) : Safetensors(seed[1..], other[1..], random)],
            input =>
            {
                var name = names[input[0]];
                folder.Write($"model/{name}", input[1..]);
                try
                {
                    var source = ModelSource.Open(folder["model"]);
                    Use(source.Architecture);
                    _ = new EvalTransform(source.Preprocessing);
                    using var weights = source.OpenWeights();
                    ReadAll(weights);
                }
                finally
                {
                    folder.Write($"model/{name}", files[name]);
                }
            }, folder["model"]);
    }

    private FuzzTarget Labels()
    {
        var image = System.IO.File.ReadAllBytes(System.IO.Path.Combine(fixtures, "grey.png"));
        foreach (var name in new[] { "a.png", "b c.png", "d/e.png" }) folder.Write($"data/{name}", image);
        folder.Outside("outside.png", image);
        folder.Write("outside.png", image);
        return new("labels", FuzzSeeds.Labels(), FuzzSeeds.ChangeLines, input =>
        {
            folder.Write("data/labels.txt", input);
            try
            {
                foreach (var item in ImageDataset.Open(folder["data"]).Items) folder.RequireInside(((ImageFileItem)item).Path.Replace("inside/data", "inside"));
            }
            finally
            {
                System.IO.File.Move(folder["data/labels.txt"], folder["samples.txt"], overwrite: true);
            }
            SampleList.Read(folder["samples.txt"], ImageDataset.Open(folder["data"]));
        }, folder.Path);
    }

    private FuzzTarget Image(string name, Func<byte[], byte[], SeededRandom, byte[]> change)
    {
        byte[][] seeds = [.. Directory.EnumerateFiles(fixtures).Where(f => System.IO.Path.GetExtension(f) == $".{name}" || (name == "jpeg" && f.EndsWith(".jpg", StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal).Select(System.IO.File.ReadAllBytes)];
        return new($"{name}", seeds, change, input =>
        {
            var image = ImageReader.Decode(input, "photo", 3);
            if (image.Pixels.Length != image.Width * image.Height * 3) throw new InvalidOperationException("pixels are missing");
            _ = image.WithChannels(1);
        }, "photo")
        {
            // 16 million pixels are let through whatever the file: three channels, four of CMYK, one of grey, and a second try of the decoder.
            FreeBytes = (1L << 24) * (3 + 4 + 4 + 1), BytesPerByte = 2048 * 12,
        };
    }

    private static void ReadTorch(string path)
    {
        using var file = TorchFile.Open(path);
        ReadAll(file);
    }

    private static void ReadAll(ITensorFile file)
    {
        foreach (var info in file.Infos)
            if (info.ElementType.IsFloat() && file.ReadFloats(info.Name).LongLength != info.Count) throw new InvalidOperationException($"{info.Name} lacks elements");
    }

    private static void Use(Architecture net)
    {
        var cost = net.Cost();
        if (cost.MacsBudget < 0 || cost.MacsFull < 0 || cost.Parameters < 0 || net.BlockFacts().Any(b => b.Cost.MacsFull < 0)) throw new InvalidOperationException($"a cost overflows: {cost}");
        if (net.Tensors().Any(t => t.Shape.Any(extent => extent <= 0))) throw new InvalidOperationException("a tensor has no elements");
        _ = net.Traits().Count();
    }

    private byte[][] FromPyTorch(string pattern) =>
        torch is null ? [] : [.. Directory.EnumerateFiles(torch, pattern).Order(StringComparer.Ordinal).Select(System.IO.File.ReadAllBytes)];

    // Mostly the header, its length put right; else bytes.
    private static byte[] Safetensors(byte[] seed, byte[] other, SeededRandom random)
    {
        if (seed.Length < 8 || random.NextBool(0.2)) return Mutation.Bytes(seed, other, random);
        var length = (int)Math.Clamp(BinaryPrimitives.ReadInt64LittleEndian(seed), 0, seed.Length - 8);
        var header = JsonMutation.Change(seed[8..(8 + length)], other.Length > 8 ? other[8..] : other, random);
        var prefix = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length);
        return [.. prefix, .. header, .. seed.AsSpan(8 + length)];
    }
}
