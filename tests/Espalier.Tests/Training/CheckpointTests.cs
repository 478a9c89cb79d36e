using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Supervised;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Tests.Training;

public class CheckpointTests : TorchTest
{
    private static readonly TrainingOptions s_options = new()
    {
        Steps = 40, LearningRate = new LearningRate { Peak = 0.1, WarmUp = WarmUp.LearningRate }, EmaDecay = 0.9, ClipNorm = 0.5,
    };

    [Theory]
    [InlineData(OptimizerKind.AdamW)]
    [InlineData(OptimizerKind.Sgd)]
    public void A_run_cancelled_anywhere_goes_on_to_the_same_bits(OptimizerKind kind)
    {
        var options = s_options with { Optimizer = kind };
        using var whole = new Toy();
        Run(whole, options, null);
        var random = new SeededRandom(4);
        for (var trial = 0; trial < 6; trial++)
        {
            using var folder = new TemporaryFolder();
            var checkpoint = Never(folder);
            var cancelAt = random.NextInt(1, 39);
            using (var first = new Toy()) Should.Throw<OperationCanceledException>(() => Run(first, options, checkpoint, cancelAt));
            using var second = new Toy();
            Run(second, options, checkpoint);
            second.Seen[0].ShouldBe(cancelAt);
            second.Values.ShouldBe(whole.Values, $"cancelled after step {cancelAt}");
        }
    }

    [Fact]
    public void A_run_that_died_goes_on_from_its_last_save()
    {
        using var folder = new TemporaryFolder();
        var time = new ManualTime();
        var checkpoint = new Checkpoint(Path.Combine(folder.Path, "state"), TimeSpan.FromSeconds(10), time);
        using var whole = new Toy();
        Run(whole, s_options, null);
        using (var dying = new Toy { FailAt = 27 })
        using (var loop = new TrainingLoop(dying, dying, s_options)
        {
            Checkpoint = checkpoint, OnStep = _ => time.Advance(TimeSpan.FromSeconds(1)),
        })
            Should.Throw<IOException>(() => loop.Run());
        using var second = new Toy();
        Run(second, s_options, checkpoint);
        second.Seen[0].ShouldBe(20);
        second.Values.ShouldBe(whole.Values);
    }

    [Theory]
    [InlineData("tiny-test-vit")]
    [InlineData("fashion-resnet")]
    [InlineData("fashion-mobilenet")]
    public void A_network_on_augmented_images_resumes_to_the_same_bits(string name)
    {
        using var whole = Train(name, null, null);
        using var folder = new TemporaryFolder();
        var checkpoint = Never(folder);
        Should.Throw<OperationCanceledException>(() => Train(name, checkpoint, 5));
        using var resumed = Train(name, checkpoint, null);
        resumed.Weights.Differences(whole.Weights).ShouldBeEmpty();
    }

    [Fact]
    public void Running_statistics_are_averaged_with_the_weights_they_were_counted_for()
    {
        var entry = ModelRegistry.Find("fashion-resnet")!;
        using var model = entry.Architecture.Random(entry.Preprocessing, 1);
        var task = new SupervisedTask(model, new MixUp(), dropPath: 0, seed: 3);
        task.Buffers.Count.ShouldBe(model.Weights.Keys.Count(k => k.Contains("running_")));
        task.Parameters.Count.ShouldBe(model.Weights.Count - task.Buffers.Count);
        // After t steps the decay is min(0.5, (1 + t) / (10 + t)); the average is followed by hand.
        var (mean, t) = (model.Weights["bn1.running_mean"].Clone(), 0);
        using var batches = new ImageBatches(TestNets.Images(20, 28, 1, 10, 1), new EvalTransform(model.Preprocessing), new LoaderOptions { BatchSize = 8, Seed = 2 });
        using var loop = new TrainingLoop(task, batches, s_options with { Steps = 9, EmaDecay = 0.5 })
        {
            OnStep = _ =>
            {
                using var noGrad = new NoGrad();
                using var scope = new TensorScope();
                var decay = Math.Min(0.5, (1.0 + ++t) / (10 + t));
                mean.CopyFrom(mean * decay + model.Weights["bn1.running_mean"] * (1 - decay));
            },
        };
        loop.Run();
        Distance(model.Weights["bn1.running_mean"], mean).ShouldBeGreaterThan(1e-4);
        loop.Finish();
        Distance(model.Weights["bn1.running_mean"], mean).ShouldBeLessThan(1e-6);
    }

    [Fact]
    public void Time_is_counted_over_all_sittings()
    {
        using var folder = new TemporaryFolder();
        var time = new ManualTime();
        var checkpoint = new Checkpoint(folder["state"], TimeSpan.MaxValue, time);
        checkpoint.Seconds().ShouldBe(0);
        foreach (var (cancelAt, seconds) in new[] { (7, 7.0), (19, 19.0), (20, 20.0) })
        {
            using var toy = new Toy();
            using var stop = new CancellationTokenSource();
            using var loop = new TrainingLoop(toy, toy, s_options)
            {
                Checkpoint = checkpoint,
                OnStep = report =>
                {
                    time.Advance(TimeSpan.FromSeconds(1));
                    if (report.Step == cancelAt) stop.Cancel();
                },
            };
            Should.Throw<OperationCanceledException>(() => loop.Run(stop.Token));
            checkpoint.Seconds().ShouldBe(seconds);
            time.Advance(TimeSpan.FromHours(1)); // between two sittings
        }
    }

    [Fact]
    public void A_finished_run_does_nothing_more()
    {
        using var folder = new TemporaryFolder();
        var checkpoint = new Checkpoint(Path.Combine(folder.Path, "state"), TimeSpan.Zero, new ManualTime());
        using var first = new Toy();
        Run(first, s_options, checkpoint);
        using var second = new Toy();
        Run(second, s_options, checkpoint);
        second.Seen.ShouldBeEmpty();
        second.Values.ShouldBe(first.Values);
    }

    [Fact]
    public void Without_a_saved_state_a_run_starts_at_the_beginning()
    {
        using var folder = new TemporaryFolder();
        using var toy = new Toy();
        Never(folder).Load().ShouldBeNull();
        Run(toy, s_options, Never(folder));
        toy.Seen[0].ShouldBe(0);
    }

    [Fact]
    public void The_state_of_another_run_is_refused_before_anything_changes()
    {
        using var folder = new TemporaryFolder();
        var checkpoint = Never(folder);
        checkpoint.Save([.. Enumerable.Repeat(Tensor.Ones([1]), 8)], 3);
        using var toy = new Toy();
        Should.Throw<InputException>(() => Run(toy, s_options, checkpoint)).Message.ShouldContain("belongs to another run");
        checkpoint.Save([Tensor.Ones([1])], 3);
        Should.Throw<InputException>(() => Run(toy, s_options, checkpoint)).Message
            .ShouldBe("The checkpoint holds 1 tensors, this run needs 8; it belongs to another run.");
        toy.Values.ShouldAllBe(v => v == 0);
    }

    private static Checkpoint Never(TemporaryFolder folder) =>
        new(Path.Combine(folder.Path, "state"), TimeSpan.MaxValue, new ManualTime());

    private static void Run(Toy toy, TrainingOptions options, Checkpoint? checkpoint, int? cancelAt = null)
    {
        using var stop = new CancellationTokenSource();
        using var loop = new TrainingLoop(toy, toy, options)
        {
            Checkpoint = checkpoint, OnStep = report => { if (report.Step == cancelAt) stop.Cancel(); },
        };
        loop.Run(stop.Token);
        loop.Finish();
    }

    private static Model Train(string name, Checkpoint? checkpoint, int? cancelAt)
    {
        var entry = ModelRegistry.Find(name)!;
        var net = entry.Architecture;
        var model = net.Random(entry.Preprocessing, 1);
        try
        {
            var task = new SupervisedTask(model, new MixUp { MixUpAlpha = 0.8, CutMixAlpha = 1, LabelSmoothing = 0.1 }, dropPath: 0.2, seed: 3);
            using var batches = new ImageBatches(TestNets.Images(20, net.ImageSize, net.Channels, 10, 1), new PaddedCropTransform(model.Preprocessing, 2),
                new LoaderOptions { BatchSize = 8, Seed = 2 });
            using var stop = new CancellationTokenSource();
            using var loop = new TrainingLoop(task, batches, s_options with { Steps = 12 })
            {
                Checkpoint = checkpoint, OnStep = report => { if (report.Step == cancelAt) stop.Cancel(); },
            };
            loop.Run(stop.Token);
            loop.Finish();
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }
}
