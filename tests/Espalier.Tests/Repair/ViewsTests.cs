using Espalier.Evaluation;
using Espalier.Models.Data;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

public class ViewsTests : TorchTest
{
    [Fact]
    public void The_first_view_is_the_images_as_they_are_and_no_other_is()
    {
        using var model = TestNets.Tiny(1);
        var images = TestNets.Images(5, 32, 3, 10, 1);
        var whole = ImageTensors.Load(images, model.Preprocessing);
        foreach (var mixed in new[] { false, true })
        {
            var views = new Views(Crops: 2, mixed, Seed: 3);
            Distance(views.Load(images, model, 0, 0), whole).ShouldBe(0);
            var (first, second) = (views.Load(images, model, 1, 1), views.Load(images, model, 2, 2));
            Distance(first, whole).ShouldBeGreaterThan(0.01);
            Distance(second, first).ShouldBeGreaterThan(0.01);
            Distance(views.Load(images, model, 1, 1), first).ShouldBe(0, "the same batch is the same wherever it is loaded");
        }
    }

    /// <summary>Images of one even value each: any crop is that value, and a mixture of two lies between theirs.</summary>
    [Fact]
    public void Mixed_crops_lie_between_two_images_of_their_batch()
    {
        using var model = TestNets.Tiny(1);
        var images = new ImageDataset("even", [.. new byte[] { 40, 120, 200 }.Select((value, i) => new ImageMemoryItem($"{i}", null, Even(value)))]);
        float[] Values(Views views) => [.. Enumerable.Range(1, views.Crops).SelectMany(v => Rows(views.Load(images, model, v, v)))];
        var own = Rows(ImageTensors.Load(images, model.Preprocessing));
        Values(new Views(Crops: 4, Mixed: false)).Select((v, i) => Math.Abs(v - own[i % 3])).Max().ShouldBeLessThan(1e-5f);
        var mixed = Values(new Views(Crops: 40));
        mixed.ShouldAllBe(v => v > own[0] - 1e-5f && v < own[2] + 1e-5f);
        // Far more than the three values there are, and not each image with itself.
        mixed.Select(v => MathF.Round(v, 3)).Distinct().Count().ShouldBeGreaterThan(40);
    }

    private static ImageBuffer Even(byte value) => new(32, 32, 3, [.. Enumerable.Repeat(value, 32 * 32 * 3)]);

    // The first pixel of each image; all of an image must be alike.
    private static float[] Rows(Tensor batch)
    {
        var flat = batch.Narrow(1, 0, 1).Reshape(batch.Size(0), -1);
        var values = flat.Narrow(1, 0, 1).ToArray<float>();
        Distance(flat, flat.Narrow(1, 0, 1).Expand(flat.Size(0), flat.Size(1))).ShouldBeLessThan(1e-5);
        return values;
    }
}
