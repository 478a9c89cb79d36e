using System.Globalization;
using Espalier.Budget;
using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Ofb;
using Espalier.Runs;
using Espalier.Supervised;

namespace Espalier.Benchmarks.Ofb;

/// <summary>
/// What all rows of the OFB table share: a small ViT for Fashion-MNIST, pretrained once; training images, others to select on, and the test set, which
/// a row scores once, at its end.
/// </summary>
internal sealed class OfbSetting
{
    private readonly string _out;
    private readonly Lazy<(ImageDataset Train, ImageDataset Select)> _data;

    /// <param name="arguments">--out DIR --seed N --keep X --images N --select N --test N --epochs E --threads N, each optional but the first.</param>
    public OfbSetting(IReadOnlyList<string> arguments)
    {
        string? Value(string name) => arguments.SkipWhile(a => a != name).ElementAtOrDefault(1);
        int Number(string name, int otherwise) => Value(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
        _out = Value("--out") ?? throw new UsageException("--out DIR is missing.");
        (Seed, Epochs, Keep) = ((ulong)Number("--seed", 0), Number("--epochs", 15), double.Parse(Value("--keep") ?? "0.5", CultureInfo.InvariantCulture));
        Compute = new ComputeOptions { Threads = Value("--threads") is null ? null : Number("--threads", 1) };
        Test = ImageDataset.Open("fashion-mnist:test");
        if (Number("--test", Test.Count) is var count && count < Test.Count) Test = Test.Take(count);
        _data = new(() => Split(Number("--images", 20_000), Number("--select", 5_000)));
    }

    public ulong Seed { get; }

    public int Epochs { get; }

    /// <summary>Share of the dense network's MACs (full) that a row may keep.</summary>
    public double Keep { get; }

    public ComputeOptions Compute { get; }

    public ImageDataset Train => _data.Value.Train;

    public ImageDataset Select => _data.Value.Select;

    public ImageDataset Test { get; }

    public Target Target => new(TargetForm.KeepMacs, Keep, CountConvention.Full);

    /// <summary>What trains a cut network on; the same as the recovery inside a search.</summary>
    public static TrainRecipe Recovery { get; } = new OfbOptions().Recipe with { ClipNorm = 0, WarmUpEpochs = 1 };

    public string FolderOf(string arm, ulong seed) => Path.Combine(_out, string.Create(CultureInfo.InvariantCulture, $"{arm}-{Keep}-{seed}"));

    /// <summary>The dense network every row starts from.</summary>
    public ModelSource Base()
    {
        var folder = Path.Combine(_out, "base");
        if (Done(folder)) return ModelSource.Open(folder);
        var start = Path.Combine(_out, "start");
        Write(start, VitInit.Random(
            VitArchitecture.Uniform("ofb-toy", 28, 4, 1, 64, depth: 4, heads: 4, classes: 10), VitRegistry.Find("fashion-vit")!.Preprocessing, 0));
        return Learn(folder, ModelSource.Open(start), fromScratch: true, new TrainRecipe { WarmUpEpochs = 1 }, 0);
    }

    /// <summary>Ordinary training into a run folder; goes on where an earlier sitting stopped.</summary>
    public ModelSource Learn(string folder, ModelSource model, bool fromScratch, TrainRecipe recipe, ulong seed)
    {
        var request = new SupervisedRequest
        {
            Model = model, FromScratch = fromScratch, Data = Train, Recipe = recipe, Effort = new TrainingEffort(Epochs: Epochs), Seed = seed, Compute = Compute,
        };
        return InRun(folder, run => new SupervisedMethod(request, TimeProvider.System).Run(run, new Lines(), CancellationToken.None));
    }

    /// <summary>A whole search into a run folder; goes on where an earlier sitting stopped.</summary>
    public ModelSource Search(string folder, OfbOptions options)
    {
        var request = new SearchRequest
        {
            Model = Base(), Target = Target, Data = Train, Options = options, Effort = new TrainingEffort(Epochs: Epochs), Seed = Seed, Compute = Compute,
        };
        return InRun(folder, run => new OfbMethod(request, TimeProvider.System).Run(run, new Lines(), CancellationToken.None));
    }

    /// <summary>Writes a model as a folder and frees it.</summary>
    public static ModelSource Write(string folder, VitModel model)
    {
        using (model) ModelFolder.Write(Directory.CreateDirectory(folder).FullName, model);
        return ModelSource.Open(folder);
    }

    /// <summary>Top-1 on some images.</summary>
    public double Score(Model model, ImageDataset images) => Evaluator.For(model, Compute, TimeProvider.System).Score(model, images).Top1;

    private static bool Done(string folder) => File.Exists(Path.Combine(folder, "model.safetensors"));

    private static ModelSource InRun(string folder, Action<RunFolder> work)
    {
        if (!Done(folder))
        {
            var manifest = new RunManifest { Command = "ofb-table", Arguments = [], WorkingDirectory = Directory.GetCurrentDirectory(), Version = "0" };
            using var run = File.Exists(Path.Combine(folder, "run.json")) ? RunFolder.Open(folder) : RunFolder.Create(folder, manifest, force: true);
            work(run);
            run.Complete();
        }
        return ModelSource.Open(folder);
    }

    private static (ImageDataset, ImageDataset) Split(int train, int select)
    {
        var all = ImageDataset.Open("fashion-mnist:train");
        var order = new SeededRandom(0, "ofb-table").Permutation(all.Count);
        return (all.Subset(order[..train]), all.Subset(order[train..(train + select)]));
    }

    private sealed class Lines : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value)
        {
            if (value.Step % 100 == 0) Console.Error.WriteLine($"{value.Stage} {value.Step}/{value.Total} {value.Loss:0.###} {value.Status}{value.Note}");
        }
    }
}
