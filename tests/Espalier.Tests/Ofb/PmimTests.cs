using Espalier.Models;
using Espalier.Ofb;
using Espalier.Torch;

namespace Espalier.Tests.Ofb;

public class PmimTests : TorchTest
{
    [Fact]
    public void Every_image_has_exactly_its_number_of_masked_patches()
    {
        foreach (var (patches, gamma, masked) in new[] { (196, 0.05, 10), (196, 0.15, 30), (196, 0.25, 49), (49, 0.25, 13), (4, 0.05, 1) })
        {
            OfbSchedule.Masked(patches, gamma).ShouldBe(masked);
            (patches - masked).ShouldBe((int)Math.Floor(patches * (1 - gamma) + 1e-9));
            var mask = Pmim.Choose([0, 1, 2, 3, 4], patches, masked, 1, 7, "cpu");
            mask.Sum([1]).ToArray<float>().ShouldAllBe(sum => sum == masked);
            mask.ToArray<float>().ShouldAllBe(x => x == 0 || x == 1);
            Pmim.Choose([0, 1, 2, 3, 4], patches, masked, 1, 7, "cpu").BitEquals(mask).ShouldBeTrue();
            if (patches > 4) Pmim.Choose([0, 1, 2, 3, 4], patches, masked, 1, 8, "cpu").BitEquals(mask).ShouldBeFalse();
        }
    }

    [Fact]
    public void Masked_patches_are_replaced_and_the_class_token_is_not()
    {
        var tokens = Tensor.RandN([2, 5, 3]);
        var mask = Tensor.From<float>([1, 0, 0, 1, 0, 1, 0, 0], 2, 4, 1);
        var plain = Pmim.Replace(tokens, mask, Tensor.From<float>([7, 8, 9]));
        var positions = Pmim.Replace(tokens, mask, Range(1, 5, 3));
        for (var image = 0; image < 2; image++)
            for (var token = 0; token < 5; token++)
            {
                var isMasked = token > 0 && mask.ToArray<float>()[image * 4 + token - 1] == 1;
                float[] own = tokens.Select(0, image).Select(0, token).ToArray<float>();
                plain.Select(0, image).Select(0, token).ToArray<float>().ShouldBe(isMasked ? [7, 8, 9] : own);
                // With positions two masked patches of an image differ.
                positions.Select(0, image).Select(0, token).ToArray<float>().ShouldBe(isMasked ? [token * 3, token * 3 + 1, token * 3 + 2] : own);
            }
    }

    [Theory]
    [InlineData(224, 47)]
    [InlineData(32, 5)]
    [InlineData(28, 5)]
    [InlineData(8, 3)]
    public void The_neighbourhood_is_a_fifth_of_the_image(int side, int window) => Pmim.Window(side).ShouldBe(window);

    [Fact]
    public void The_target_is_the_image_standardised_locally()
    {
        const int side = 9;
        var random = new SeededRandom(2);
        double[] pixels = [.. Enumerable.Range(0, 2 * side * side).Select(_ => random.NextGaussian())];
        var target = Pmim.LocalTarget(Tensor.From<double>(pixels, 1, 2, side, side)).ToArray<double>();
        var half = Pmim.Window(side) / 2;
        for (var c = 0; c < 2; c++)
            for (var y = 0; y < side; y++)
                for (var x = 0; x < side; x++)
                {
                    var near = (from v in Enumerable.Range(y - half, 2 * half + 1)
                                from u in Enumerable.Range(x - half, 2 * half + 1)
                                where u >= 0 && v >= 0 && u < side && v < side
                                select pixels[(c * side + v) * side + u]).ToList();
                    var mean = near.Average();
                    var variance = near.Sum(p => (p - mean) * (p - mean)) / (near.Count - 1);
                    target[(c * side + y) * side + x].ShouldBe((pixels[(c * side + y) * side + x] - mean) / Math.Sqrt(variance + 1e-6), 1e-9);
                }
        Pmim.LocalTarget(Tensor.Full([1, 1, 12, 12], 3, DType.Float64)).Abs().Max().Item().ShouldBeLessThan(1e-6);
    }

    [Fact]
    public void Patches_lie_as_a_pixel_shuffle_reads_them()
    {
        var patches = Pmim.Patches(Range(1, 2, 4, 4), 2);
        patches.Shape.ShouldBe([1, 4, 8]);
        patches.Select(1, 1).ToArray<float>().ShouldBe([2, 3, 6, 7, 18, 19, 22, 23]);
    }

    [Fact]
    public void Only_masked_pixels_are_judged()
    {
        var target = Tensor.RandN([2, 4, 12]);
        var mask = Pmim.Choose([0, 1], 4, 1, 3, 0, "cpu");
        Pmim.Loss(target, target, mask, 3).Item().ShouldBe(0);
        Pmim.Loss(target, target + 0.5, mask, 3).Item().ShouldBe(0.5, 1e-5);
        var prediction = Tensor.RandN([2, 4, 12]);
        prediction.RequiresGrad = true;
        var gradient = Autograd.Gradients(Pmim.Loss(target, prediction, mask, 3), [prediction])[0]!;
        (gradient.Abs() * (1.0 - mask)).Max().Item().ShouldBe(0);
        (gradient.Abs() * mask).Sum().Item().ShouldBe(1, 1e-4); // 24 pixels of 1/24
    }

    [Fact]
    public void Both_losses_weigh_the_same_within_bounds()
    {
        Tensor Of(float value) => Tensor.From<float>([value]);
        Pmim.Weight(Of(2), Of(0.5f), clamped: true).Item().ShouldBe(4);
        Pmim.Weight(Of(2), Of(0), clamped: true).Item().ShouldBe(20);
        Pmim.Weight(Of(2), Of(0.01f), clamped: false).Item().ShouldBe(200, 1e-3);
        var cls = Of(2);
        cls.RequiresGrad = true;
        Pmim.Weight(cls, Of(1), clamped: true).RequiresGrad.ShouldBeFalse();
    }
}
