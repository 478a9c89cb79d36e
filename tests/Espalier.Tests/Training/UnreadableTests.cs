using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Supervised;
using Espalier.Torch;
using Espalier.Torch.Distributed;
using Espalier.Training;

namespace Espalier.Tests.Training;

/// <summary>Batches none of whose images can be read: a training goes on with the next ones.</summary>
[Collection(TorchCollection.Name)]
public class UnreadableTests
{
    private const int Steps = 9;
    // With two images a batch and three epochs, some batches hold none that can be read, whatever the order.
    private static readonly int[] s_broken = [0, 1, 2, 3, 4];

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(2, 2)]
    public void Every_step_is_one_on_images(int batch, int accumulate)
    {
        var (losses, weights, skipped) = Train(batch, accumulate, s_broken);
        losses.Count.ShouldBe(Steps);
        losses.ShouldAllBe(l => l > 0);
        weights.ShouldAllBe(w => float.IsFinite(w));
        skipped.ShouldBeGreaterThan(0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_training_stopped_anywhere_goes_on_to_the_same_bits(int accumulate)
    {
        var whole = Train(1, accumulate, s_broken);
        for (var cancelAt = 1; cancelAt < Steps; cancelAt += 2)
        {
            using var folder = new TemporaryFolder();
            var checkpoint = new Checkpoint(folder["state"], TimeSpan.MaxValue, TimeProvider.System);
            Should.Throw<OperationCanceledException>(() => Train(1, accumulate, s_broken, checkpoint, cancelAt));
            var resumed = Train(1, accumulate, s_broken, checkpoint);
            resumed.Losses.ShouldBe(whole.Losses.Skip(cancelAt));
            resumed.Weights.ShouldBe(whole.Weights, $"cancelled after step {cancelAt}");
        }
    }

    [Fact]
    public void Several_processes_leave_out_what_one_leaves_out()
    {
        var alone = Train(2, 1, s_broken);
        foreach (var together in Together.Run(2, group => Train(2, 1, s_broken, group: group)))
        {
            together.Losses.Count.ShouldBe(Steps);
            for (var k = 0; k < Steps; k++) together.Losses[k].ShouldBe(alone.Losses[k], 1e-4, $"step {k + 1}");
            for (var k = 0; k < alone.Weights.Length; k++) ((double)together.Weights[k]).ShouldBe(alone.Weights[k], 2e-4);
        }
    }

    [Fact]
    public void When_none_can_be_read_the_training_ends_and_says_why()
    {
        int[] all = [.. Enumerable.Range(0, 8)];
        Should.Throw<InputException>(() => Train(2, 1, all)).Message.ShouldMatch("^None of the training images can be read; the first: no image [0-7]$");
        Should.Throw<AggregateException>(() => Together.Run(2, group => Train(2, 1, all, group: group))).InnerExceptions
            .Count(e => e is InputException && e.Message.StartsWith("None of the training images can be read", StringComparison.Ordinal)).ShouldBe(2);
    }

    private static (List<double> Losses, float[] Weights, int Skipped) Train(int batch, int accumulate, int[] broken, Checkpoint? checkpoint = null, int? cancelAt = null,
        ProcessGroup? group = null)
    {
        using var scope = new TensorScope();
        using var model = Fresh();
        var images = TestNets.Images(8, model.Architecture.ImageSize, model.Architecture.Channels, 4, 1);
        images = new ImageDataset("partly broken", [.. images.Items.Select((item, i) => broken.Contains(i) ? new Broken($"{i}", 0) : item)], classCount: 4);
        var skipped = 0;
        using var batches = new ImageBatches(images, new EvalTransform(model.Preprocessing), new LoaderOptions
        {
            BatchSize = batch, Seed = 2, SkipUnreadable = true, Share = group is null ? default : new(group.Rank, group.Size),
        }) { OnSkipped = (_, _) => skipped++ };
        using var stop = new CancellationTokenSource();
        var losses = new List<double>();
        using var loop = new TrainingLoop(new SupervisedTask(model, new MixUp(), dropPath: 0, seed: 3), batches, new TrainingOptions
        {
            Steps = Steps, LearningRate = new LearningRate { Peak = 1e-3 }, Accumulate = accumulate, Group = group,
        })
        {
            Checkpoint = checkpoint,
            OnStep = report =>
            {
                losses.Add(report.Loss);
                if (report.Step == cancelAt) stop.Cancel();
            },
        };
        loop.Run(stop.Token);
        loop.Finish();
        return (losses, [.. model.Weights.Values.SelectMany(t => t.ToArray<float>())], skipped);
    }

    // libtorch has one generator, which the threads share.
    private static VitModel Fresh()
    {
        lock (s_broken) return VitInit.Random(TestNets.TinyNet with { Classes = 4, Blocks = [.. TestNets.TinyNet.Blocks.Take(2)] }, VitRegistry.Find("tiny-test-vit")!.Preprocessing, 1);
    }

    private sealed record Broken(string Id, int? Label) : ImageItem(Id, Label)
    {
        public override ImageBuffer Load(int channels = 3) => throw new InputException($"no image {Id}");
    }
}
