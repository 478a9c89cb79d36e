using Espalier.Models.Data;
using Espalier.Models.Formats;

namespace Espalier.Models.Tests.Data;

public sealed class FashionMnistTests
{
    [SkippableFact]
    public void The_test_part_has_ten_times_a_thousand_small_grey_images()
    {
        Skip.IfNot(Directory.Exists(FashionMnist.DefaultFolder), "needs the Debian package dataset-fashion-mnist");
        var dataset = ImageDataset.Open("fashion-mnist:test", LabelPolicy.Required);
        dataset.Count.ShouldBe(10_000);
        dataset.ClassCount.ShouldBe(10);
        dataset.Items.GroupBy(i => i.Label).ShouldAllBe(g => g.Count() == 1000);
        var image = dataset.Items[0].Load(1);
        (image.Width, image.Height, image.Channels).ShouldBe((28, 28, 1));
        dataset.ClassNames[dataset.Items[0].Label!.Value].ShouldBe("Ankle boot");
        dataset.Items[0].Load(3).Channels.ShouldBe(3);
        dataset.Items[123].Id.ShouldBe("123");
    }

    [Fact]
    public void Plain_files_are_read_too_and_damaged_ones_refused()
    {
        using var folder = new TemporaryFolder();
        byte[] images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6], labels = [0, 0, 8, 1, 0, 0, 0, 2, 9, 4];
        File.WriteAllBytes(Path.Combine(folder.Path, "t10k-images-idx3-ubyte"), images);
        File.WriteAllBytes(Path.Combine(folder.Path, "t10k-labels-idx1-ubyte"), labels);
        var dataset = FashionMnist.Open("test", folder.Path);
        dataset.Items.Select(i => i.Label).ShouldBe([9, 4]);
        dataset.Items[1].Load(1).Pixels.ShouldBe([4, 5, 6]);

        File.WriteAllBytes(Path.Combine(folder.Path, "t10k-images-idx3-ubyte"), images[..^1]);
        Should.Throw<InputException>(() => FashionMnist.Open("test", folder.Path)).Message.ShouldContain("cannot be read");
        labels[9] = 10;
        File.WriteAllBytes(Path.Combine(folder.Path, "t10k-images-idx3-ubyte"), images);
        File.WriteAllBytes(Path.Combine(folder.Path, "t10k-labels-idx1-ubyte"), labels);
        Should.Throw<InputException>(() => FashionMnist.Open("test", folder.Path)).Message.ShouldContain("label 10");
        Should.Throw<InputException>(() => FashionMnist.Open("train", folder.Path));
    }
}
