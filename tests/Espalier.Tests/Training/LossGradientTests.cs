using Espalier.Ofb;
using Espalier.Torch;

namespace Espalier.Tests.Training;

/// <summary>Gradients of the losses that are not one operator, against central differences of the same function in float64.</summary>
public class LossGradientTests : TorchTest
{
    private const double Step = 1e-6;

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void Of_the_adaptive_one_hot(bool clamped, bool variance) => ShouldDifferentiate(x => ArchitectureLosses.OneHot(x.Softmax(-1), 5, clamped, variance), 5);

    [Fact]
    public void Of_the_budget() => ShouldDifferentiate(x => ArchitectureLosses.Budget((x * x).Sum(), 3, 7), 4);

    [Fact]
    public void Of_masked_reconstruction()
    {
        var target = Noise(1, 2, 3, 6);
        var mask = Tensor.From<double>([1, 0, 1, 1, 0, 1], 2, 3, 1);
        ShouldDifferentiate(x => Pmim.Loss(target, x, mask, 3), 2, 3, 6);
    }

    [Fact]
    public void Of_soft_answers()
    {
        var wanted = Noise(2, 3, 4);
        ShouldDifferentiate(x => Functional.KlPerSample(wanted / 4, x / 4).Mean() * 16, 3, 4);
    }

    [Fact]
    public void Of_smoothed_labels()
    {
        var labels = Tensor.From<long>([1, 0, 3]);
        ShouldDifferentiate(x => Functional.CrossEntropy(x, labels, labelSmoothing: 0.1), 3, 4);
    }

    private static Tensor Noise(long seed, params long[] shape)
    {
        TorchRuntime.Seed((ulong)seed);
        return Tensor.RandN(shape).To(DType.Float64);
    }

    private static void ShouldDifferentiate(Func<Tensor, Tensor> loss, params long[] shape)
    {
        var start = Noise(7, shape).ToArray<double>();
        var x = Tensor.From<double>(start, shape);
        x.RequiresGrad = true;
        var gradient = Autograd.Gradients(loss(x), [x])[0]!.ToArray<double>();
        gradient.ShouldContain(g => g != 0);
        for (var k = 0; k < start.Length; k++) gradient[k].ShouldBe((At(k, Step) - At(k, -Step)) / (2 * Step), 1e-6);

        double At(int k, double change)
        {
            using var scope = new TensorScope();
            double[] moved = [.. start];
            moved[k] += change;
            return loss(Tensor.From<double>(moved, shape)).ToArray<double>()[0];
        }
    }
}
