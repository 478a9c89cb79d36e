using Espalier.Torch.Optim;

namespace Espalier.Torch.Tests;

/// <summary>Autocast, with the two ways in which a stale cache of cast weights spoils training without an error.</summary>
public class ModesTests : TorchTest
{
    [Fact]
    public void Matrix_products_run_in_bf16_and_weights_and_gradients_stay_fp32()
    {
        var weight = Range(3, 2);
        weight.RequiresGrad = true;
        Tensor y;
        using (new Autocast(true))
        {
            y = Range(4, 2).Linear(weight);
            y.DType.ShouldBe(DType.BFloat16);
            Functional.MseLoss(y, y).DType.ShouldBe(DType.Float32);
        }
        y.Sum().Backward();
        weight.DType.ShouldBe(DType.Float32);
        weight.Grad!.DType.ShouldBe(DType.Float32);
        Range(4, 2).Linear(weight).DType.ShouldBe(DType.Float32);
    }

    [Fact]
    public void Blocks_nest_and_give_back_what_they_found()
    {
        static DType Product() => Range(2, 2).MatMul(Range(2, 2)).DType;
        using (new Autocast(true))
        {
            using (new Autocast(true)) Product().ShouldBe(DType.BFloat16);
            Product().ShouldBe(DType.BFloat16);
            using (new Autocast(false)) Product().ShouldBe(DType.Float32);
            Product().ShouldBe(DType.BFloat16);
        }
        Product().ShouldBe(DType.Float32);
    }

    [Fact]
    public void Training_under_autocast_sees_the_updated_weights()
    {
        using var net = new TinyVit();
        using var optimizer = new AdamW(net.Parameters, 3e-3);
        var first = net.Step(optimizer, bf16: true).Loss;
        var last = 0.0;
        for (var k = 0; k < 60; k++) last = net.Step(optimizer, bf16: true).Loss;
        last.ShouldBeLessThan(0.5 * first);
    }

    [Fact]
    public void A_forward_without_gradients_in_between_does_not_cut_weights_off()
    {
        using var net = new TinyVit();
        Tensor loss;
        using (new Autocast(true))
        {
            using (new NoGrad()) net.Forward();
            loss = net.Loss();
        }
        loss.Backward();
        net.Parameters.ShouldAllBe(p => p.Grad != null);
    }
}
