using Espalier.Evaluation;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

public class CalibrationTests : TorchTest
{
    [Theory]
    [InlineData(2, 2, 2)]
    [InlineData(9, 9, 9)]
    [InlineData(19, 19, 10)]
    [InlineData(47, 12, 10)]
    [InlineData(251, 11, 10)]
    public void Batches_make_two_to_ten_folds_none_of_them_empty(int images, int batches, int folds)
    {
        using var model = TestNets.Tiny(1);
        using var calibration = new Calibration(TestNets.Images(images, 32, 3, 10, 1), model);
        (calibration.Count, calibration.Batches, calibration.Folds).ShouldBe((images, batches, folds));
        var foldOf = Enumerable.Range(0, batches).Select(calibration.FoldOf).ToArray();
        foldOf.ShouldBe(foldOf.Order());
        foldOf.Distinct().ShouldBe(Enumerable.Range(0, folds));
    }

    [Fact]
    public void Tokens_are_those_of_the_images_in_their_order()
    {
        using var test = new RepairCase(1, images: 23);
        using var tokens = test.Calibration.Embed(test.Teacher, CancellationToken.None);
        var whole = Tensor.Cat([.. Enumerable.Range(0, tokens.Count).Select(k => tokens[k])], 0);
        Distance(whole, test.Teacher.Embed(ImageTensors.Load(test.Images, test.Teacher.Preprocessing))).ShouldBeLessThan(1e-6);
    }

    [Theory]
    [InlineData(0, "A repair needs images; there are none.")]
    public void Too_few_images_are_refused(int images, string message)
    {
        using var model = TestNets.Tiny(1);
        Should.Throw<ArgumentException>(() => new Calibration(TestNets.Images(images, 32, 3, 10, 1), model)).Message.ShouldBe(message);
    }
}
