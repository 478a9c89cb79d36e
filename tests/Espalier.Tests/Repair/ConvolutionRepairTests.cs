using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

/// <summary>Narrowed convolutional blocks, repaired in closed form.</summary>
public class ConvolutionRepairTests : TorchTest
{
    [Theory]
    [InlineData("fashion-resnet", 4)]
    [InlineData("fashion-mobilenet", 5)]
    public void A_repair_brings_the_block_nearer_to_the_teachers(string name, int block)
    {
        using var teacher = SmallCnns.Fresh(name);
        var images = TestNets.Images(40, 28, 1, 10, 1);
        using var cut = teacher.KeepHidden(block, [.. Enumerable.Range(0, teacher.Architecture.Blocks[block].Hidden).Where(c => c % 2 == 0)]);
        using var repaired = ConvolutionRepair.Run(teacher, cut, block, images);
        var pixels = Espalier.Evaluation.ImageTensors.Load(images, teacher.Preprocessing);
        Error(repaired).ShouldBeLessThan(0.7 * Error(cut));
        Distance(repaired.AfterBlock(block - 1, pixels), cut.AfterBlock(block - 1, pixels)).ShouldBe(0);

        double Error(CnnModel model)
        {
            using var noGrad = new NoGrad();
            return Functional.MseLoss(model.AfterBlock(block, pixels), teacher.AfterBlock(block, pixels)).Item();
        }
    }

    // Every channel twice: one of each pair can be left out, and least squares find out how.
    [Fact]
    public void What_is_redundant_is_made_up_for_exactly()
    {
        using var noGrad = new NoGrad();
        using var teacher = SmallCnns.Fresh("fashion-resnet");
        const int Block = 1;
        int[] kept = [.. Enumerable.Range(0, 8)];
        foreach (var tensor in new[] { "conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var" }.Select(end => teacher.Weights["layer1.1." + end]))
            tensor.Narrow(0, 8, 8).CopyFrom(tensor.Narrow(0, 0, 8));
        using var cut = teacher.KeepHidden(Block, kept);
        using var repaired = ConvolutionRepair.Run(teacher, cut, Block, TestNets.Images(60, 28, 1, 10, 1));
        var pixels = TestNets.Pixels(teacher.Architecture, 4, 2);
        var answer = teacher.Answer(pixels);
        Distance(repaired.Answer(pixels), answer).ShouldBeLessThan(2e-3 * answer.Abs().Max().Item());
        Distance(cut.Answer(pixels), answer).ShouldBeGreaterThan(0.02 * answer.Abs().Max().Item());
    }
}
