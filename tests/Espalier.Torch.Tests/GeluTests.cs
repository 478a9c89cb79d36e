namespace Espalier.Torch.Tests;

/// <summary>GELU against libtorch's in double precision, where no kernel of our own is used.</summary>
public class GeluTests : TorchTest
{
    // 1, 15, 16, 17: less than a vector, one, and more; 100,003: several threads' shares.
    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(100_003)]
    public void Values_and_slopes_are_the_exact_ones(long count)
    {
        foreach (var (precision, tolerance) in new[] { (DType.Float32, 1e-6), (DType.BFloat16, 0.03) })
            foreach (var threads in new[] { 1, 2 })
            {
                TorchRuntime.Threads = threads;
                var x = (Tensor.Arange(count).To(DType.Float32) * (20.0 / count) - 10).To(precision);
                var (own, slope) = Backward(x);
                var (exact, exactSlope) = Backward(x.To(DType.Float64));
                own.DType.ShouldBe(precision);
                Distance(own.To(DType.Float64), exact).ShouldBeLessThan(tolerance);
                Distance(slope.To(DType.Float64), exactSlope).ShouldBeLessThan(tolerance);
                using var noGrad = new NoGrad();
                Distance(x.Gelu(), own).ShouldBe(0);
            }
    }

    [Fact]
    public void An_input_with_gaps_and_its_gradient_keep_their_places()
    {
        var wide = Range(6, 10) / 10 - 3;
        wide.RequiresGrad = true;
        var narrow = wide.Transpose(0, 1).Narrow(0, 2, 5);
        Distance(narrow.Gelu().To(DType.Float64), narrow.To(DType.Float64).Gelu()).ShouldBeLessThan(1e-6);
        narrow.Gelu().Sum().Backward();
        wide.Grad!.Narrow(1, 0, 2).Abs().Max().Item().ShouldBe(0);
        var (_, slope) = Backward(wide.To(DType.Float64));
        Distance(wide.Grad!.Narrow(1, 2, 5).To(DType.Float64), slope.Narrow(1, 2, 5)).ShouldBeLessThan(1e-6);
    }

    [Fact]
    public void What_is_not_a_number_stays_so_and_the_infinite_stays_infinite()
    {
        var y = Vector(float.NaN, float.PositiveInfinity, 0, 3e38f, -3e38f).Gelu().ToArray<float>();
        float.IsNaN(y[0]).ShouldBeTrue();
        y[1..].ShouldBe([float.PositiveInfinity, 0, 3e38f, 0]);
    }

    private static (Tensor Values, Tensor Slopes) Backward(Tensor x)
    {
        x = x.Detach();
        x.RequiresGrad = true;
        var y = x.Gelu();
        y.Sum().Backward();
        return (y.Detach(), x.Grad!);
    }
}
