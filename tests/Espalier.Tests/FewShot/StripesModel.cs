using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Compute;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Supervised;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Tests.FewShot;

/// <summary>The same with a Swin: stages of 8×8 and 4×4 tokens.</summary>
public sealed class StripesSwin() : StripesModel(
    VitArchitecture.Swin("stripes-swin", Side, patchSize: 2, channels: 1, embedDim: 16, depths: [2, 4], headDim: 8, window: 4, classes: 4));

/// <summary>The same with a ResNet of two stages; the last two blocks of each can go.</summary>
public sealed class StripesCnn() : StripesModel(Net)
{
    public static CnnArchitecture Net { get; } = new()
    {
        Name = "stripes-cnn", ImageSize = Side, Channels = 1, Classes = 4, Style = CnnStyle.ResNet, Stem = new CnnStem(8, 3, 1, Pool: false),
        Blocks = [.. Stage(0, 8, 8, 1), .. Stage(1, 8, 16, 2)],
    };

    private static ImmutableArray<CnnBlock> Stage(int stage, int inputs, int width, int stride) =>
    [
        new() { Kind = CnnBlockKind.Basic, Stage = stage, Inputs = inputs, Hidden = width, Outputs = width, Stride = stride, Shortcut = stride > 1 },
        .. Enumerable.Repeat(new CnnBlock { Kind = CnnBlockKind.Basic, Stage = stage, Inputs = width, Hidden = width, Outputs = width }, 2),
    ];
}

/// <summary>A tiny ViT trained for seconds on an easy set (stripes of four directions in noise), and images of that set. Made once.</summary>
public class StripesModel : IDisposable
{
    protected const int Side = 16;

    public StripesModel() : this(VitArchitecture.Uniform("stripes", Side, patchSize: 4, channels: 1, embedDim: 32, depth: 6, heads: 2, classes: 4))
    {
    }

    protected StripesModel(Architecture architecture)
    {
        Directory.CreateDirectory(Folder);
        TorchRuntime.Threads = 1;
        Train = Images(200, seed: 1);
        Test = Images(120, seed: 2);
        var preprocessing = new Preprocessing { Size = Side, CropFraction = 1, Mean = [0.5], Std = [0.5] };
        using var model = architecture.Random(preprocessing, seed: 3);
        var task = new SupervisedTask(model, new MixUp(), dropPath: 0, seed: 4);
        using var batches = new ImageBatches(Train, new EvalTransform(preprocessing), new LoaderOptions { BatchSize = 40 });
        using var loop = new TrainingLoop(task, batches, new TrainingOptions { Steps = 200, LearningRate = new LearningRate { Peak = 2e-3 } });
        loop.Run();
        loop.Finish();
        ModelFolder.Write(Folder, model);
        Source = ModelSource.Open(Folder);
    }

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), $"espalier-stripes-{Guid.NewGuid():N}");

    public ModelSource Source { get; }

    public ImageDataset Train { get; }

    public ImageDataset Test { get; }

    /// <summary>A request for a share of its MACs that takes little work: a few drawn images, which are the metric set, too.</summary>
    internal FewShotRequest Request(string method, double keep, int count, long steps) => new()
    {
        Model = Source,
        Target = new Target(TargetForm.KeepMacs, keep),
        Method = method,
        Images = Train,
        Count = count,
        Eval = Test,
        MetricSet = new MetricSetOptions { Source = MetricSetOptions.TrainingImages, MaxImages = 8 },
        Effort = new FewShotEffort { Steps = steps, SynthesisSteps = 3 },
        Seed = 7,
        Compute = new ComputeOptions { Threads = 1, Precision = Precision.Fp32 },
    };

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static ImageDataset Images(int count, ulong seed)
    {
        var random = new SeededRandom(seed, "stripes");
        var items = Enumerable.Range(0, count).Select(i => (ImageItem)new ImageMemoryItem($"{i}", i % 4, Stripes(i % 4, random)));
        return new ImageDataset("stripes", [.. items]);
    }

    private static ImageBuffer Stripes(int direction, SeededRandom random)
    {
        var phase = random.NextInt(8);
        var pixels = new byte[Side * Side];
        for (var y = 0; y < Side; y++)
            for (var x = 0; x < Side; x++)
            {
                var along = direction switch { 0 => x, 1 => y, 2 => x + y, _ => x - y + Side };
                pixels[y * Side + x] = (byte)(((along + phase) / 2 % 2 * 120) + random.NextInt(136));
            }
        return new ImageBuffer(Side, Side, 1, pixels);
    }
}
