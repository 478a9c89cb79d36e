using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Supervised;
using Espalier.Tests.Runs;
using Espalier.Torch;
using Espalier.Torch.Distributed;
using Espalier.Training;

namespace Espalier.Tests.Training;

/// <summary>Processes that train together take the steps that one process takes.</summary>
[Collection(TorchCollection.Name)]
public class TogetherTests
{
    private const int Images = 21, Batch = 8, Steps = 9; // the last batch of an epoch has 5 images, an odd number
    private static readonly TrainRecipe s_recipe = new()
    {
        BatchSize = Batch, MixUp = 0.8, CutMix = 1, DropPath = 0.3, Ema = 0.8, ClipNorm = 0.5, LearningRate = 3e-3, WarmUpEpochs = 0, LabelSmoothing = 0.1,
    };

    [Theory]
    [InlineData("fashion-vit", 2)]
    [InlineData("fashion-vit", 3)]
    [InlineData("fashion-vit", 7)] // more processes than pairs of images in the last batch
    public void The_loss_curve_and_the_weights_are_those_of_one_process(string name, int processes)
    {
        var before = Tensor.LiveCount;
        var (losses, weights) = Train(name, null);
        losses.Length.ShouldBe(Steps);
        var way = Distance(weights, Train(name, null, steps: 0).Weights);
        foreach (var (together, own) in Together.Run(processes, group => Train(name, group)))
        {
            for (var k = 0; k < Steps; k++) together[k].ShouldBe(losses[k], 1e-4, $"step {k + 1}");
            // By the way all of them went: Adam moves a single weight whose gradient is next to nothing as that nothing's rounding says.
            Distance(own, weights).ShouldBeLessThan(3e-4 * way);
        }
        Tensor.LiveCount.ShouldBe(before);
    }

    [Fact]
    public void Running_statistics_are_those_of_all_images_and_the_same_everywhere()
    {
        var name = ModelRegistry.Names.First(n => n.StartsWith("mobilenet", StringComparison.Ordinal));
        var results = Together.Run(2, group => Train(name, group, steps: 2));
        results[1].Weights.SequenceEqual(results[0].Weights).ShouldBeTrue();
        results[0].Losses.ShouldAllBe(l => double.IsFinite(l));
    }

    [Fact]
    public void A_loop_that_one_member_is_asked_to_stop_stops_in_all_after_the_same_step()
    {
        using var folder = new TemporaryFolder();
        var steps = Together.Run(2, group =>
        {
            using var scope = new TensorScope();
            using var toy = new Toy { Share = Share(group) };
            using var stop = new CancellationTokenSource();
            using var loop = new TrainingLoop(toy, toy, Options(group, 50))
            {
                OnStep = report => { if (group.Rank == 1 && report.Step == 5) stop.Cancel(); },
                Checkpoint = new Checkpoint(Path.Combine(folder.Path, $"{group.Rank}"), TimeSpan.MaxValue, TimeProvider.System),
            };
            Should.Throw<OperationCanceledException>(() => loop.Run(stop.Token));
            return loop.Step;
        });
        steps[1].ShouldBe(steps[0]);
        steps[0].ShouldBeInRange(5, 7);
        File.Exists(Path.Combine(folder.Path, "0")).ShouldBeTrue();
        File.Exists(Path.Combine(folder.Path, "1")).ShouldBeFalse("only the first process keeps files");
    }

    [Fact]
    public void The_clock_of_the_first_process_ends_the_loop_in_all()
    {
        var steps = Together.Run(2, group =>
        {
            using var scope = new TensorScope();
            using var toy = new Toy { Share = Share(group) };
            using var loop = new TrainingLoop(toy, toy, Options(group, 50)) { StopEarly = () => group.Rank == 1 || toy.Seen.Count >= 6 };
            loop.Run();
            return loop.Step;
        });
        steps.ShouldBe([7, 7]);
    }

    [Fact]
    public void A_lost_member_leaves_a_state_that_goes_on_exactly()
    {
        using var folder = new TemporaryFolder();
        var checkpoint = new Checkpoint(Path.Combine(folder.Path, "state"), TimeSpan.MaxValue, TimeProvider.System);
        var errors = Should.Throw<AggregateException>(() => Together.Run(2, group =>
        {
            using var scope = new TensorScope();
            using var toy = new Toy { Share = Share(group), FailAt = group.Rank == 1 ? 7 : null };
            using var loop = new TrainingLoop(toy, toy, Options(group, 20)) { Checkpoint = checkpoint };
            loop.Run();
            return 0;
        })).InnerExceptions;
        errors.ShouldContain(e => e is LostProcessException);
        using var scope = new TensorScope();
        checkpoint.Load()!.Step.ShouldBe(7);
        using Toy resumed = new(), whole = new();
        Finish(resumed, checkpoint);
        Finish(whole, null);
        resumed.Values.Zip(whole.Values).ShouldAllBe(p => Math.Abs(p.First - p.Second) < 1e-5f);

        static void Finish(Toy toy, Checkpoint? from)
        {
            using var loop = new TrainingLoop(toy, toy, Options(null, 20)) { Checkpoint = from };
            loop.Run();
        }
    }

    [Fact]
    public void A_lost_member_leaves_what_was_counted_up_to_the_last_step()
    {
        using var folder = new TemporaryFolder();
        float[] Count(string name, long steps, TimeSpan every, long? failAt)
        {
            var checkpoint = new Checkpoint(Path.Combine(folder.Path, name), every, TimeProvider.System);
            try
            {
                Together.Run(2, group =>
                {
                    using var scope = new TensorScope();
                    using var counting = new Counting(new Toy { Share = Share(group), FailAt = group.Rank == 1 ? failAt : null });
                    using var loop = new TrainingLoop(counting, counting.Toy, Options(group, steps)) { Checkpoint = checkpoint };
                    loop.Run();
                    return 0;
                });
            }
            catch (AggregateException e) when (failAt is not null && e.InnerExceptions.Any(i => i is LostProcessException))
            {
                // as it should be
            }
            using var scope = new TensorScope();
            var saved = checkpoint.Load()!;
            saved.Step.ShouldBe(7);
            return saved.State[^1].ToArray<float>();
        }
        var whole = Count("whole", 7, TimeSpan.Zero, null);
        whole[0].ShouldNotBe(0);
        // What the other member had counted of the step that was not taken does not count.
        Count("lost", 20, TimeSpan.MaxValue, failAt: 7).ShouldBe(whole);
    }

    [Fact]
    public void A_loss_that_is_not_finite_in_one_member_ends_all_with_the_same_words()
    {
        var errors = Should.Throw<AggregateException>(() => Together.Run(2, group =>
        {
            using var scope = new TensorScope();
            using var toy = new Toy { Share = Share(group), NaNAt = group.Rank == 1 ? 3 : null };
            using var loop = new TrainingLoop(toy, toy, Options(group, 20));
            loop.Run();
            return 0;
        })).InnerExceptions;
        errors.Count.ShouldBe(2);
        errors.ShouldAllBe(e => e.Message.StartsWith("The loss became NaN at step 4 of 20", StringComparison.Ordinal));
    }

    [Fact]
    public void Accuracy_is_counted_over_all_images_by_all_members()
    {
        var entry = ModelRegistry.Find("fashion-vit")!;
        using var model = entry.Architecture.Random(entry.Preprocessing, 1);
        var images = TestNets.Images(33, entry.Architecture.ImageSize, entry.Architecture.Channels, 10, 4);
        var alone = new Evaluator(TimeProvider.System) { BatchSize = 10 };
        var (score, loss) = (alone.Score(model, images), alone.Loss(model, images));
        foreach (var (top1, top5, together) in Together.Run(3, group =>
        {
            var evaluator = new Evaluator(TimeProvider.System) { BatchSize = 10, Group = group };
            var result = evaluator.Score(model, images);
            return (result.Top1, result.Top5, evaluator.Loss(model, images));
        }))
        {
            (top1, top5).ShouldBe((score.Top1, score.Top5));
            together.ShouldBe(loss, 1e-5);
        }
    }

    [Fact]
    public void Two_models_are_compared_on_all_images_by_all_members()
    {
        var entry = ModelRegistry.Find("fashion-vit")!;
        using var model = entry.Architecture.Random(entry.Preprocessing, 1);
        using var other = model.Clone();
        using (new TensorScope())
        {
            var head = other.Weights["head.weight"];
            head.CopyFrom(head + Tensor.From<float>([.. Enumerable.Range(0, (int)head.Count).Select(k => 0.01f * (k * 7 % 11 - 5))], [.. head.Shape]));
        }
        var images = TestNets.Images(33, entry.Architecture.ImageSize, entry.Architecture.Channels, 10, 4);
        var alone = new ModelComparison(new Evaluator(TimeProvider.System) { BatchSize = 10 }).Compare(model, other, images);
        alone.Agreement.ShouldBeInRange(0.05, 0.95);
        alone.Margin.ShouldBeGreaterThan(0);
        foreach (var together in Together.Run(3, group => new ModelComparison(new Evaluator(TimeProvider.System) { BatchSize = 10, Group = group }).Compare(model, other, images)))
        {
            (together.Agreement, together.Top1Difference, together.Margin).ShouldBe((alone.Agreement, alone.Top1Difference, alone.Margin));
            together.Kl.ShouldBe(alone.Kl, 1e-5);
        }
    }

    private static double Distance(float[] a, float[] b) => Math.Sqrt(a.Zip(b, (x, y) => (double)(x - y) * (x - y)).Sum());

    /// <summary>Keeps a running mean of what it sees, as a BatchNorm does.</summary>
    private sealed class Counting(Toy toy) : ITrainingTask, IDisposable
    {
        private readonly Tensor _mean = TensorScope.Release(Tensor.Zeros([1]));

        public Toy Toy => toy;

        public IReadOnlyList<Tensor> Parameters => toy.Parameters;

        public IReadOnlyList<Tensor> Buffers => [_mean];

        public Tensor Loss(TensorBatch batch, long step)
        {
            using (new NoGrad()) _mean.AddInPlace(batch.Pixels.Mean() - _mean, 0.1);
            return toy.Loss(batch, step);
        }

        public void Dispose()
        {
            _mean.Dispose();
            toy.Dispose();
        }
    }

    // libtorch has one generator, which the threads share.
    private static Model Fresh(ModelEntry entry)
    {
        lock (s_recipe) return entry.Architecture.Random(entry.Preprocessing, 1);
    }

    private static BatchShare Share(ProcessGroup group) => new(group.Rank, group.Size);

    private static TrainingOptions Options(ProcessGroup? group, long steps) => new() { Steps = steps, LearningRate = new LearningRate { Peak = 1e-2 }, Group = group };

    private static (double[] Losses, float[] Weights) Train(string name, ProcessGroup? group, long steps = Steps)
    {
        var entry = ModelRegistry.Find(name)!;
        var compute = new ComputeOptions { Precision = Precision.Fp32, Threads = 1, Group = group };
        using var scope = new TensorScope();
        using var model = Fresh(entry);
        var task = new SupervisedTask(model, new MixUp { MixUpAlpha = s_recipe.MixUp, CutMixAlpha = s_recipe.CutMix, LabelSmoothing = 0.1 }, s_recipe.DropPath, seed: 3);
        using var batches = new ImageBatches(TestNets.Images(Images, model.Architecture.ImageSize, model.Architecture.Channels, 10, 1),
            new PaddedCropTransform(model.Preprocessing, 2), new LoaderOptions { BatchSize = Batch, Seed = 2, Share = compute.Share });
        var losses = new List<double>();
        using var loop = new TrainingLoop(task, batches, s_recipe.Options(steps, batches.BatchesPerEpoch, compute)) { OnStep = report => losses.Add(report.Loss) };
        loop.Run();
        loop.Finish();
        return ([.. losses], [.. model.Weights.Values.SelectMany(t => t.ToArray<float>())]);
    }
}
