using Espalier.MetricSets;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Tests.MetricSets;

public class InversionTests : TorchTest
{
    private static readonly SynthesisOptions s_options = new() { Images = 4, Steps = 200, Seed = 5 };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(9)]
    public void Pixels_stay_between_black_and_white(int steps)
    {
        using var tiny = TestNets.Tiny(1);
        var preprocessing = new Preprocessing { Size = 32, Mean = [0.485, 0.456, 0.406], Std = [0.229, 0.224, 0.225] };
        using var teacher = new VitModel(tiny.Architecture, preprocessing, tiny.Weights.Clone());
        var (images, _) = Inversion.Run(teacher, s_options with { Steps = steps });
        var channels = images.Transpose(0, 1).Reshape(3, -1);
        (double Low, double High)[] bounds = [(-2.1179, 2.2489), (-2.0357, 2.4286), (-1.8044, 2.6400)];
        for (var c = 0; c < 3; c++)
        {
            var values = channels.Select(0, c).ToArray<float>();
            // Normal noise of this size reaches beyond both ends, so the clamp is met exactly.
            ((double)values.Min()).ShouldBe(bounds[c].Low, 1e-4);
            ((double)values.Max()).ShouldBe(bounds[c].High, 1e-4);
        }
    }

    [Fact]
    public void Cross_entropy_falls_and_the_teacher_stays()
    {
        using var teacher = TestNets.Tiny(1);
        using var before = teacher.Clone();
        var losses = new List<double>();
        var (images, targets) = Inversion.Run(teacher, s_options, new(report => losses.Add(report.Loss)));
        losses.Count.ShouldBe(200);
        losses.Min().ShouldBeLessThan(losses[0] * 0.5);
        Entropy(teacher, images, targets).ShouldBeLessThan(losses[0]);
        images.Shape.ShouldBe([4, 3, 32, 32]);
        images.RequiresGrad.ShouldBeFalse();
        teacher.Weights.Differences(before.Weights).ShouldBeEmpty();
    }

    [Fact]
    public void Images_come_nearer_to_the_statistics_a_convolutional_teacher_remembers()
    {
        var entry = ModelRegistry.Find("fashion-resnet")!;
        using var teacher = entry.Architecture.Random(entry.Preprocessing, 2);
        Distance(1).ShouldBeLessThan(0.9 * Distance(0));
        teacher.Weights["bn1.running_mean"].Abs().Max().Item().ShouldBe(0);

        double Distance(double weight)
        {
            var (images, _) = Inversion.Run(teacher, s_options with { Steps = 60, Statistics = weight });
            using var noGrad = new NoGrad();
            return teacher.LogitsWithStatistics(images).Statistics!.Item();
        }
    }

    [Fact]
    public void A_convolutional_teacher_sees_them_at_half_their_size_first()
    {
        SynthesisOptions.For(TestNets.TinyNet).HalfResolutionFirst.ShouldBeFalse();
        var entry = ModelRegistry.Find("fashion-resnet")!;
        var setting = SynthesisOptions.For(entry.Architecture);
        (setting.HalfResolutionFirst, setting.Steps, setting.Beta).ShouldBe((true, 4000, 1));
        using var teacher = entry.Architecture.Random(entry.Preprocessing, 2);
        var still = setting with { Images = 4, Steps = 8, Jitter = 0, Flip = false, Tv2 = 0, L2 = 0, LearningRate = 0 };
        var moving = still with { LearningRate = 1e-3 };
        var seen = new List<long>();
        var (noise, _) = Inversion.Run(teacher, still);
        var (halved, _) = Inversion.Run(teacher, moving, new(StopEarly: () => true));
        var (whole, _) = Inversion.Run(teacher, moving, new(report => seen.Add(report.Step)));
        seen.ShouldBe(Enumerable.Range(1, 8).Select(step => (long)step));
        // What is pooled together moves together, where nothing is clamped; afterwards every pixel goes its own way.
        Spread(halved).ShouldBeLessThan(1e-6);
        Spread(whole).ShouldBeGreaterThan(1e-4);

        double Spread(Tensor images)
        {
            var inside = noise.Abs().Clamp(0, 0.5).EqualTo(noise.Abs()).To(DType.Float32).Reshape(4, 14, 2, 14, 2);
            var change = (images - noise).Reshape(4, 14, 2, 14, 2);
            var first = change.Narrow(2, 0, 1).Narrow(4, 0, 1) - change.Narrow(2, 1, 1).Narrow(4, 1, 1);
            return (first * inside.Narrow(2, 0, 1).Narrow(4, 0, 1) * inside.Narrow(2, 1, 1).Narrow(4, 1, 1)).Abs().Max().Item();
        }
    }

    [Fact]
    public void Images_that_are_neither_shifted_nor_flipped_become_sure_examples()
    {
        using var teacher = TestNets.Tiny(1);
        var (images, targets) = Inversion.Run(teacher, s_options with { Jitter = 0, Flip = false, Steps = 60 });
        Entropy(teacher, images, targets).ShouldBeLessThan(0.05);
    }

    [Fact]
    public void The_images_after_the_best_step_are_returned_and_not_the_last_ones()
    {
        using var teacher = TestNets.Tiny(1);
        for (var seed = 0UL; seed < 20; seed++)
        {
            // At so low a rate the shifts alone decide which step is best.
            var still = s_options with { LearningRate = 1e-4, Steps = 8, Seed = seed };
            var losses = new List<double>();
            var (images, _) = Inversion.Run(teacher, still, new(report => losses.Add(report.Loss)));
            var best = losses.IndexOf(losses.Min());
            if (best is 0 or 7) continue;
            var count = 0;
            var (stopped, _) = Inversion.Run(teacher, still, new(_ => count++, () => count == best + 1));
            images.BitEquals(stopped).ShouldBeTrue();
            return;
        }
        Assert.Fail("the best step was always the first or the last");
    }

    [Fact]
    public void The_first_of_2000_steps_moves_each_pixel_by_a_hundredth_of_the_rate()
    {
        using var teacher = TestNets.Tiny(1);
        var (still, _) = Inversion.Run(teacher, s_options with { Steps = 2000, LearningRate = 0 }, new(StopEarly: () => true));
        var (moved, _) = Inversion.Run(teacher, s_options with { Steps = 2000 }, new(StopEarly: () => true));
        var change = (moved - still).Abs().ToArray<float>();
        change.Max().ShouldBe(0.0025f, 1e-6f);
        change.Order().ElementAt(change.Length / 2).ShouldBe(0.0025f, 1e-5f);
    }

    [Fact]
    public void The_same_seed_gives_the_same_images_and_another_seed_others()
    {
        using var teacher = TestNets.Tiny(1);
        var options = s_options with { Steps = 20 };
        var first = Inversion.Run(teacher, options);
        TorchRuntime.Seed(123);
        var second = Inversion.Run(teacher, options);
        var other = Inversion.Run(teacher, options with { Seed = 6 });
        second.Images.BitEquals(first.Images).ShouldBeTrue();
        second.Targets.BitEquals(first.Targets).ShouldBeTrue();
        other.Images.BitEquals(first.Images).ShouldBeFalse();
    }

    [Fact]
    public void Classes_are_distinct_and_sorted_and_depend_on_the_seed()
    {
        var targets = Inversion.Targets(new SynthesisOptions { Seed = 2023 }, 1000);
        targets.Length.ShouldBe(50);
        targets.ShouldBe(targets.Distinct().Order());
        targets.ShouldAllBe(t => t >= 0 && t < 1000);
        targets[^1].ShouldBeGreaterThan(500);
        Inversion.Targets(new SynthesisOptions { Seed = 2024 }, 1000).ShouldNotBe(targets);
    }

    [Fact]
    public void Classes_are_cycled_when_images_outnumber_them() =>
        Inversion.Targets(new SynthesisOptions { Images = 8 }, 3).ShouldBe([0L, 1, 2, 0, 1, 2, 0, 1]);

    [Fact]
    public void Nothing_but_the_images_is_left_behind()
    {
        using var teacher = TestNets.Tiny(1);
        var before = Tensor.LiveCount;
        var (images, targets) = Inversion.Run(teacher, s_options with { Steps = 3 });
        Tensor.LiveCount.ShouldBe(before + 2);
        (images.Count, targets.Count).ShouldBe((4 * 3 * 32 * 32, 4));
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Should.Throw<OperationCanceledException>(() => Inversion.Run(teacher, s_options, cancellation: cancelled.Token));
        Tensor.LiveCount.ShouldBe(before + 2);
    }

    private static double Entropy(VitModel teacher, Tensor images, Tensor targets) =>
        Functional.CrossEntropy(teacher.Answer(images), targets).Item();
}
