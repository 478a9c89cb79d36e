using Espalier.Cli.Commands;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Tests.Formats.Pickle;
using Espalier.Models.Vit;
using Espalier.Runs;
using Espalier.Testing;

namespace Espalier.Cli.Tests.Docs;

/// <summary>
/// A folder to follow a page in, as the current one: what the pages call <c>vit_tiny</c>, <c>photos</c> or <c>labelled</c> lies there, tiny and random.
/// A result of an earlier page is made when it is asked for.
/// </summary>
internal sealed class StandIns : IDisposable
{
    private const int Side = 16, Classes = 10, Images = 20;

    private readonly TemporaryFolder _folder = new();
    private readonly string _place = Directory.GetCurrentDirectory();
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
    private readonly Dictionary<string, string[]> _made = [];

    /// <param name="cache">Where what was timed or synthesised for one page is kept for the next.</param>
    public StandIns(string cache)
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", cache);
        Directory.SetCurrentDirectory(_folder.Path);
    }

    public void Dispose()
    {
        Directory.SetCurrentDirectory(_place);
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    /// <summary>Runs a command of a page, cut short, where it finds what it reads, and nothing where it writes.</summary>
    public CliRun Run(params string[] words)
    {
        foreach (var word in words.Where(w => w != Output(words))) Make(word[(word.IndexOf('=') + 1)..]);
        if (words[0] == "resume") Interrupt(words[1]);
        if (Output(words) is { } output)
        {
            if (Directory.Exists(output)) Directory.Delete(output, recursive: true);
            else if (File.Exists(output)) File.Delete(output);
            _made[output] = words;
        }
        return CliRun.Of(words);
    }

    private void Make(string name)
    {
        if (Path.Exists(name)) return;
        switch (name)
        {
            case "vit_tiny" or "my_finetuned_tiny" or "path/to/vit_tiny" or "vit_tiny_patch16_224.augreg_in21k_ft_in1k" or "fashion-vit":
                var net = VitArchitecture.Uniform("tiny", Side, patchSize: 4, channels: 1, embedDim: 32, depth: 6, heads: 2, Classes);
                using (var model = VitInit.Random(net, new Preprocessing { Size = Side, CropFraction = 1, Mean = [0.5], Std = [0.25] }, seed: (ulong)name.Length))
                    ModelFolder.Write(Directory.CreateDirectory(_folder[name]).FullName, model);
                break;
            case "fashion-resnet":
                _folder.WriteCnn(name);
                break;
            case "photos":
                _folder.WriteImages(name, Images);
                break;
            case "labelled" or "labelled-train" or "imagenet-train-1000" or "imagenet-val-650":
                _folder.WriteImages(name, Images, [.. Enumerable.Range(0, Images).Select(k => k % Classes)]);
                break;
            case "deit_small_distilled.pth":
                Checkpoint(name, "deit_small_distilled_patch16_224");
                break;
            case "studies/few-shot.json" or "studies/dense-range.json" or "studies/selection.json":
                // The stand-in has six blocks.
                _folder.Write(name, CutShort.Study(File.ReadAllText(Path.Combine(SharedData.Root, name))).Replace("--blocks 0..7", "--blocks 0..5", StringComparison.Ordinal));
                foreach (var used in new[] { "fashion-vit", "labelled" }) Make(used);
                break;
            case var _ when name.StartsWith("runs/", StringComparison.Ordinal):
                var made = Run("compress", "vit_tiny", "--keep-macs", "0.75", "--images", "photos", "-n", "6", "--steps", "0", "--switch", "rounds=1", "--threads", "1", "--quiet", "-o", name);
                made.Code.ShouldBe(ExitCodes.Ok, made.Error);
                break;
        }
    }

    /// <summary>The run as it is when Ctrl+C came soon after it had begun.</summary>
    private void Interrupt(string output)
    {
        using var stop = new CancellationTokenSource();
        using var watcher = new Watcher(() =>
        {
            if (RunFolder.Exists(output)) stop.Cancel();
        });
        string[] words = [.. _made[output].Where(w => w != "--quiet"), "--force"];
        EspalierApp.Run(words, new CliStreams(TextWriter.Null, watcher), CommandTable.All(), stop.Token).ShouldBe(ExitCodes.Cancelled, $"espalier {string.Join(' ', words)}");
    }

    private static string? Output(string[] words) => Array.IndexOf(words, "-o") is >= 0 and var i ? words[i + 1] : null;

    /// <summary>A checkpoint as torch.save writes it, of zeros.</summary>
    private void Checkpoint(string name, string architecture)
    {
        List<TensorSpec> tensors = [.. VitTensors.Expected((VitArchitecture)ModelRegistry.Find(architecture)!.Architecture)];
        var count = tensors.Sum(t => t.Shape.Aggregate(1L, (product, d) => product * d));
        var (pickle, offset) = (new PickleWriter().Op("}"), 0L);
        foreach (var tensor in tensors)
        {
            long[] strides = [.. tensor.Shape.Select((_, i) => tensor.Shape.Skip(i + 1).Aggregate(1L, (product, d) => product * d))];
            pickle.Text(tensor.Name).Tensor(count, offset, [.. tensor.Shape], strides).Op("s");
            offset += strides[0] * tensor.Shape[0];
        }
        PickleWriter.Save(_folder[name], pickle.Op(".").Bytes, storageBytes: checked((int)(4 * count)));
    }

    /// <summary>Told of every line.</summary>
    private sealed class Watcher(Action onLine) : StringWriter
    {
        public override void WriteLine(string? value) => onLine();
    }
}
