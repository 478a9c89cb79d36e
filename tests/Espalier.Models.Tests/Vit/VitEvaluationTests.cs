using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

public sealed class VitEvaluationTests
{
    [Fact]
    public void The_logits_are_those_of_the_ordinary_pass_and_nothing_else_stays()
    {
        var before = Tensor.LiveCount;
        using (var noGrad = new NoGrad())
        using (var scope = new TensorScope())
        {
            var net = Compressed.Net with { Blocks = Compressed.Net.Blocks.SetItem(0, new VitBlock()).SetItem(5, new VitBlock()) };
            using var model = VitInit.Random(net, VitRegistry.Find("tiny-test-vit")!.Preprocessing, seed: 3);
            var pixels = Tensor.RandN([2, 3, 32, 32]);
            var alive = Tensor.LiveCount;

            var logits = model.EvaluationLogits(pixels);

            Tensor.LiveCount.ShouldBe(alive + 1);
            logits.BitEquals(model.Logits(pixels)).ShouldBeTrue();
        }
        Tensor.LiveCount.ShouldBe(before);
    }
}
