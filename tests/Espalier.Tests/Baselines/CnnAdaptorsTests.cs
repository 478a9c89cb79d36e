using Espalier.Baselines;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Torch;

namespace Espalier.Tests.Baselines;

/// <summary>PRACTISE's adaptors in convolutional networks: folding them in is the same as putting 1×1 convolutions there.</summary>
public class CnnAdaptorsTests : TorchTest
{
    [Theory]
    [InlineData("fashion-resnet", 2, "layer1.1.conv2", "layer2.0.conv1 layer2.0.downsample.0")]
    [InlineData("fashion-resnet", 8, "layer3.1.conv2", "")]
    [InlineData("fashion-mobilenet", 2, "blocks.1.0.conv_pwl", "blocks.1.2.conv_pw")]
    [InlineData("fashion-mobilenet", 9, "blocks.3.1.conv_pwl", "conv_head")]
    public void They_stand_on_both_sides_of_the_gap(string name, int dropped, string before, string after)
    {
        using var noGrad = new NoGrad();
        var entry = ModelRegistry.Find(name)!;
        using var whole = (CnnModel)entry.Architecture.Random(entry.Preprocessing, 1);
        using var student = whole.DropBlock(dropped);
        student.Around(dropped).Before.ShouldBe(before);
        string.Join(' ', student.Around(dropped).After).ShouldBe(after);

        using var adaptors = new Adaptors(student, dropped);
        adaptors.Parameters.Count.ShouldBe(1 + student.Around(dropped).After.Length);
        var pixels = TestNets.Pixels(student.Architecture, 2, 3);
        using (var same = adaptors.Fold(student)) Distance(same.Answer(pixels), student.Answer(pixels)).ShouldBeLessThan(1e-5);

        TorchRuntime.Seed(4);
        foreach (var matrix in adaptors.Parameters) matrix.CopyFrom(Tensor.RandN(matrix.Shape));
        using var folded = adaptors.Fold(student);
        string[] layers = [before, .. student.Around(dropped).After];
        for (var k = 0; k < layers.Length; k++)
        {
            var (plain, adapted) = (student.Weights[layers[k] + ".weight"], folded.Weights[layers[k] + ".weight"]);
            var adaptor = adaptors.Parameters[k].Reshape([.. adaptors.Parameters[k].Shape, 1, 1]);
            var map = Tensor.RandN([1, plain.Size(1), 5, 5]);
            var side = (int)plain.Size(2) / 2;
            var expected = k == 0 ? map.Conv2d(plain, null, padding: side).Conv2d(adaptor, null) : map.Conv2d(adaptor, null).Conv2d(plain, null, padding: side);
            Distance(map.Conv2d(adapted, null, padding: side), expected).ShouldBeLessThan(1e-4 * expected.Abs().Max().Item(), layers[k]);
        }
    }
}
