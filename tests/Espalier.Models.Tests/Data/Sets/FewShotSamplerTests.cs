using System.Globalization;
using Espalier.Models.Data;

namespace Espalier.Models.Tests.Data;

public class FewShotSamplerTests
{
    private static readonly ImageDataset Thousand = Labelled(Enumerable.Range(0, 3000).Select(i => i % 1000));

    [Fact]
    public void Fifty_of_a_thousand_classes_are_fifty_different_images() =>
        FewShotSampler.Sample(Thousand, 50, 2022).Distinct().Count().ShouldBe(50);

    [Fact]
    public void A_thousand_are_one_of_each_class()
    {
        var chosen = FewShotSampler.Sample(Thousand, 1000, 2022);
        chosen.Select(i => Thousand.Items[i].Label!.Value).ShouldBe(Enumerable.Range(0, 1000));
    }

    [Fact]
    public void Two_thousand_are_two_of_each_class_sorted_inside()
    {
        var chosen = FewShotSampler.Sample(Thousand, 2000, 1);
        chosen.Distinct().Count().ShouldBe(2000);
        for (var i = 0; i < 2000; i++) Thousand.Items[chosen[i]].Label.ShouldBe(i / 2);
        for (var i = 0; i < 2000; i += 2) chosen[i].ShouldBeLessThan(chosen[i + 1]);
    }

    [Fact]
    public void A_remainder_and_a_short_class_are_filled_from_the_rest()
    {
        var dataset = Labelled([0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2]);
        var chosen = FewShotSampler.Sample(dataset, 8, 3);
        chosen.Distinct().Count().ShouldBe(8);
        chosen.Select(i => dataset.Items[i].Label).Distinct().Count().ShouldBe(3);
    }

    [Fact]
    public void The_seed_decides()
    {
        FewShotSampler.Sample(Thousand, 500, 5).ShouldBe(FewShotSampler.Sample(Thousand, 500, 5));
        FewShotSampler.Sample(Thousand, 500, 5).ShouldNotBe(FewShotSampler.Sample(Thousand, 500, 6));
    }

    [Fact]
    public void More_than_there_are_is_all_and_none_is_refused()
    {
        FewShotSampler.Sample(Thousand, 5000, 1).ShouldBe(Enumerable.Range(0, 3000));
        Should.Throw<InputException>(() => FewShotSampler.Sample(Thousand, 0, 1));
    }

    [Fact]
    public void Unlabelled_images_are_drawn_uniformly()
    {
        var dataset = new ImageDataset("x", [.. Enumerable.Range(0, 20).Select(i => Item(i, null))]);
        var counts = new int[20];
        for (var seed = 0UL; seed < 2000; seed++)
        {
            var chosen = FewShotSampler.Sample(dataset, 5, seed);
            chosen.Distinct().Count().ShouldBe(5);
            foreach (var i in chosen) counts[i]++;
        }
        counts.ShouldAllBe(c => c > 400 && c < 600); // 500 expected, deviation 19
    }

    [Fact]
    public void A_list_is_written_and_read_back()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "samples.txt");
        int[] chosen = [5, 2, 9];
        SampleList.Write(file, Thousand, chosen);
        File.ReadAllText(file).ShouldBe("5\n2\n9\n");
        SampleList.Read(file, Thousand).ShouldBe(chosen);
        SampleList.Read(folder.AddText("labelled.txt", "5 17\n9 3\n"), Thousand).ShouldBe([5, 9]);
        Fault("5\nnothing.jpg\n").ShouldEndWith(":2: nothing.jpg is not an image of test.");
        Fault("5\n5\n").ShouldEndWith(":2: 5 is listed a second time.");
        Fault("\n").ShouldEndWith("lists no images.");

        string Fault(string text) => Should.Throw<InputException>(() => SampleList.Read(folder.AddText("bad.txt", text), Thousand)).Message;
    }

    private static ImageDataset Labelled(IEnumerable<int> labels) => new("test", [.. labels.Select((label, i) => Item(i, label))]);

    private static ImageItem Item(int i, int? label) =>
        new ImageMemoryItem(i.ToString(CultureInfo.InvariantCulture), label, new ImageBuffer(1, 1, 1, [0]));
}
