using Espalier.FewShot;
using Espalier.Models.Data;

namespace Espalier.Tests.FewShot;

public class SampledImagesTests
{
    // As a folder with a folder for each class lists them.
    private static readonly ImageDataset s_sorted = new("sorted", [.. from label in Enumerable.Range(0, 10)
        from image in TestNets.Images(20, 8, 1, 1, (ulong)label).Items.Cast<ImageMemoryItem>()
        select new ImageMemoryItem($"{label}/{image.Id}", label, image.Image)]);

    [Theory]
    [InlineData(50)]
    [InlineData(200)]
    public void The_first_images_of_a_balanced_draw_are_of_most_classes(int count)
    {
        var drawn = FewShotSampler.Sample(s_sorted, count, seed: 3);
        var images = SampledImages.Of(s_sorted, drawn, seed: 3);
        drawn.Take(count / 10).Select(i => s_sorted.Items[i].Label).Distinct().Count().ShouldBe(1, "the draw lists class after class");
        images.Train.Take(20).Items.Select(i => i.Label).Distinct().Count().ShouldBeGreaterThanOrEqualTo(6);
        images.Train.Items.Select(i => i.Id).ShouldBe(drawn.Select(i => s_sorted.Items[i].Id), ignoreOrder: true);
        images.HeldOut.Items.Select(i => i.Id).Intersect(images.Train.Items.Select(i => i.Id)).ShouldBeEmpty();
    }

    [Fact]
    public void The_list_keeps_the_order_of_the_draw_and_the_seed_decides_that_of_the_images()
    {
        int[] drawn = [7, 3, 100, 50, 12, 13];
        var (a, b, other) = (SampledImages.Of(s_sorted, drawn, 1), SampledImages.Of(s_sorted, drawn, 1), SampledImages.Of(s_sorted, drawn, 2));
        a.List.Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldBe(drawn.Select(i => s_sorted.Items[i].Id));
        b.Train.Items.ShouldBe(a.Train.Items);
        other.List.ShouldBe(a.List);
        other.Train.Items.Select(i => i.Id).ShouldNotBe(a.Train.Items.Select(i => i.Id));
    }
}
