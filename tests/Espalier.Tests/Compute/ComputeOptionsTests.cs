using Espalier.Compute;
using Espalier.Torch;

namespace Espalier.Tests.Compute;

public class ComputeOptionsTests
{
    [Theory]
    [InlineData(Precision.Fp32, "cpu")]
    [InlineData(Precision.Bf16, "cpu")]
    [InlineData(Precision.Auto, "cpu")]
    [InlineData(Precision.Fp32, "cuda:1")]
    [InlineData(Precision.Bf16, "cuda:1")]
    [InlineData(Precision.Auto, "cuda:1")]
    public void Bf16_is_used_where_there_is_such_arithmetic(Precision precision, string device)
    {
        var compute = new ComputeOptions { Precision = precision, Device = device };
        var accelerated = device != "cpu";
        compute.EvaluatesInBf16.ShouldBe(precision == Precision.Bf16 && (accelerated || TorchRuntime.HasBf16));
        compute.TrainsInBf16.ShouldBe(precision switch
        {
            Precision.Fp32 => false,
            Precision.Bf16 => accelerated || TorchRuntime.HasBf16,
            _ => accelerated || ComputeOptions.HasFastBf16,
        });
        compute.PrecisionName.ShouldBe(compute.TrainsInBf16 ? "bf16" : "fp32");
    }

    [Fact]
    public void What_is_fast_is_there() => (TorchRuntime.HasBf16 || !ComputeOptions.HasFastBf16).ShouldBeTrue();
}
