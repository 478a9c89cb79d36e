using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Tests.Training;

public class MixUpTests : TorchTest
{
    private const int Classes = 5, Side = 8;

    [Fact]
    public void Switched_off_it_leaves_pixels_and_one_hot_labels()
    {
        var batch = Batch();
        var (pixels, targets) = new MixUp().Apply(batch, Classes, 1, 0);
        pixels.ShouldBeSameAs(batch.Pixels);
        targets.ToArray<float>().ShouldBe([1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0]);
        var never = new MixUp { MixUpAlpha = 1, CutMixAlpha = 1, Probability = 0 };
        never.Apply(batch, Classes, 1, 0).Pixels.ShouldBeSameAs(batch.Pixels);
    }

    [Fact]
    public void Smoothing_takes_from_the_label_what_it_gives_to_all()
    {
        var (_, targets) = new MixUp { LabelSmoothing = 0.1 }.Apply(Batch(), Classes, 1, 0);
        targets.ToArray<float>()[..Classes].ShouldBe([0.92f, 0.02f, 0.02f, 0.02f, 0.02f], 1e-6f);
    }

    [Fact]
    public void Mixup_blends_pixels_and_targets_alike()
    {
        var seen = new List<double>();
        var batch = Batch();
        for (var step = 0; step < 50; step++)
        {
            using var scope = new TensorScope();
            var (pixels, targets) = new MixUp { MixUpAlpha = 0.8 }.Apply(batch, Classes, 1, step);
            ShouldSumToOne(targets);
            // Image 0 (class 0) is blended with image 3 (class 3).
            var weight = targets.ToArray<float>()[0];
            Distance(pixels, batch.Pixels * (double)weight + batch.Pixels.Flip(0) * (1.0 - weight)).ShouldBeLessThan(1e-5);
            seen.Add(weight);
        }
        seen.Distinct().Count().ShouldBeGreaterThan(45);
        seen.Average().ShouldBeInRange(0.35, 0.65);
    }

    [Fact]
    public void Cutmix_weighs_targets_by_the_area_that_was_pasted()
    {
        var areas = new HashSet<int>();
        for (var step = 0; step < 50; step++)
        {
            using var scope = new TensorScope();
            // Images 0 and 3 are all 0 and all 3.
            var flat = Tensor.Arange(4).To(DType.Float32).Reshape(4, 1, 1, 1) * Tensor.Ones([1, 2, Side, Side]);
            var batch = new TensorBatch(flat, Batch().Labels);
            var (pixels, targets) = new MixUp { CutMixAlpha = 1 }.Apply(batch, Classes, 1, step);
            ShouldSumToOne(targets);
            var pasted = pixels.ToArray<float>()[..(Side * Side)].Count(v => v == 3);
            targets.ToArray<float>()[0].ShouldBe(1 - (float)pasted / (Side * Side), 1e-6f);
            pixels.ToArray<float>()[..(Side * Side)].ShouldAllBe(v => v == 0 || v == 3);
            areas.Add(pasted);
            flat.ToArray<float>()[0].ShouldBe(0, "the batch itself stays");
        }
        areas.Count.ShouldBeGreaterThan(8);
    }

    [Fact]
    public void Both_together_take_turns_and_the_same_step_draws_the_same()
    {
        var mix = new MixUp { MixUpAlpha = 0.8, CutMixAlpha = 1 };
        var batch = Batch();
        var cuts = 0;
        for (var step = 0; step < 60; step++)
        {
            using var scope = new TensorScope();
            var (pixels, targets) = mix.Apply(batch, Classes, 9, step);
            var (again, _) = mix.Apply(batch, Classes, 9, step);
            again.BitEquals(pixels).ShouldBeTrue();
            ShouldSumToOne(targets);
            var own = batch.Pixels.ToArray<float>();
            var other = batch.Pixels.Flip(0).ToArray<float>();
            if (pixels.ToArray<float>().Select((v, i) => v == own[i] || v == other[i]).All(same => same)) cuts++;
        }
        cuts.ShouldBeInRange(18, 42);
    }

    private static TensorBatch Batch()
    {
        TorchRuntime.Seed(3);
        return new TensorBatch(Tensor.RandN([4, 2, Side, Side]), Tensor.From<long>([0, 1, 4, 3]));
    }

    private static void ShouldSumToOne(Tensor targets) =>
        targets.Sum([1]).ToArray<float>().ShouldAllBe(sum => Math.Abs(sum - 1) < 1e-5);
}
