using Espalier.MetricSets;
using Espalier.Torch;

namespace Espalier.Tests.MetricSets;

public class InversionLossTests : TorchTest
{
    [Fact]
    public void Priors_of_a_batch_of_noise_have_the_published_size()
    {
        TorchRuntime.Seed(1);
        var noise = Tensor.RandN([50, 3, 224, 224]);
        var norms = InversionLoss.Differences(noise).Select(d => d.Norm().Item()).ToArray();
        norms[0].ShouldBe(3871.1, 4);
        norms[1].ShouldBe(3871.1, 4);
        norms[2].ShouldBe(3862.5, 4);
        norms[3].ShouldBe(3862.5, 4);
        (1e-4 * InversionLoss.TotalVariation2(noise, 0.6).Item()).ShouldBe(0.0568, 1e-4);
        (1e-4 * InversionLoss.TotalVariation2(noise, 1).Item()).ShouldBe(1.547, 2e-3);
        (1e-5 * InversionLoss.L2(noise).Item()).ShouldBe(0.00388, 1e-5);
    }

    [Fact]
    public void Differences_are_those_of_the_four_neighbours()
    {
        var x = Tensor.From<float>([1, 2, 4, 8, 16, 32], 1, 1, 2, 3);
        var d = InversionLoss.Differences(x);
        d[0].ToArray<float>().ShouldBe([-1, -2, -8, -16]);
        d[1].ToArray<float>().ShouldBe([-7, -14, -28]);
        d[2].ToArray<float>().ShouldBe([1 - 16, 2 - 32]);
        d[3].ToArray<float>().ShouldBe([8 - 2, 16 - 4]);
        InversionLoss.TotalVariation1(x).Item().ShouldBe(27 / 4.0 + 49 / 3.0 + 45 / 2.0 + 18 / 2.0, 1e-5);
        InversionLoss.TotalVariation2(x, 0.6).Item().ShouldBe(
            new double[] { 1 + 4 + 64 + 256, 49 + 196 + 784, 225 + 900, 36 + 144 }.Sum(s => Math.Pow(s, 0.3)), 1e-4);
    }

    [Fact]
    public void L2_is_the_mean_norm_of_the_images() => InversionLoss.L2(Tensor.From<float>([3, 4, 0, 0, 5, 12, 0, 0], 2, 1, 2, 2)).Item().ShouldBe(9, 1e-6);

    [Fact]
    public void Gradients_agree_with_central_differences()
    {
        ShouldDifferentiate(x => InversionLoss.TotalVariation2(x, 0.6));
        ShouldDifferentiate(x => InversionLoss.TotalVariation2(x, 1));
        ShouldDifferentiate(InversionLoss.TotalVariation1);
        ShouldDifferentiate(InversionLoss.L2);
    }

    private static void ShouldDifferentiate(Func<Tensor, Tensor> loss)
    {
        const double Step = 1e-6;
        TorchRuntime.Seed(2);
        var start = Tensor.RandN([2, 2, 4, 5]).ToArray<double>();
        long[] shape = [2, 2, 4, 5];
        var x = Tensor.From<double>(start, shape);
        x.RequiresGrad = true;
        var gradient = Autograd.Gradients(loss(x), [x])[0]!.ToArray<double>();
        for (var k = 0; k < start.Length; k++)
        {
            using var scope = new TensorScope();
            gradient[k].ShouldBe((At(k, Step) - At(k, -Step)) / (2 * Step), 1e-7);
        }

        double At(int k, double change)
        {
            double[] moved = [.. start];
            moved[k] += change;
            return loss(Tensor.From<double>(moved, shape)).Item();
        }
    }
}
