using Espalier.Models;
using Espalier.Widths;

namespace Espalier.Tests.Widths;

public class GrowthTests
{
    [Fact]
    public void The_error_is_that_of_a_mean()
    {
        double[] values = [1, 4, 2, 5];
        var growth = Growth.Of(values.Sum(), values.Sum(v => v * v), values.Length);
        growth.Kl.ShouldBe(3);
        // Σ (v − 3)² = 10, over 3 and over 4.
        growth.Error.ShouldBe(Math.Sqrt(10.0 / 12), 1e-12);
    }

    [Fact]
    public void One_image_says_nothing_of_its_error()
    {
        Growth.Of(2, 4, 1).ShouldBe(new Growth(2, double.PositiveInfinity));
        // Widths seen by one image alone follow the trend over the depth.
        Slope[] seen = [.. new double[] { 1, 3, 2 }.Select((gain, b) => new Slope(new Knob(b, WidthKind.Hidden), 480, -1, gain) { Error = Growth.Of(gain, gain * gain, 1).Error, Steps = -48 })];
        new Landscape(seen).Gains.Values.ShouldAllBe(g => Math.Abs(g - 2) < 1e-9);
    }
}
