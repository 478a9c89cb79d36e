using Espalier.Models.Data;
using Espalier.Models.Formats;

namespace Espalier.Models.Tests.Data;

public sealed class ImageDatasetTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_folder_is_searched_at_any_depth_in_ordinal_order()
    {
        foreach (var name in (string[])["b.JPG", "B.jpeg", "a/deep/er.png", "a.webp", "z.bmp", ".hidden.png", "notes.txt"]) folder.AddImage(name);
        var dataset = ImageDataset.Open(folder.Path);
        dataset.Items.Select(i => i.Id).ShouldBe(["B.jpeg", "a.webp", "a/deep/er.png", "b.JPG", "z.bmp"]);
        dataset.HasLabels.ShouldBeFalse();
        dataset.ClassCount.ShouldBe(0);
        dataset.Items[2].Load().Width.ShouldBe(37);
    }

    [Fact]
    public void Links_are_followed_but_not_in_circles()
    {
        foreach (var name in (string[])["a/1.jpg", "b/2.jpg"]) folder.AddImage(name);
        using var elsewhere = new TemporaryFolder();
        elsewhere.AddImage("3.jpg");
        void Link(string name, string target) => Directory.CreateSymbolicLink(Path.Combine(folder.Path, name), target);
        Link("a/up", "..");
        Link("a/self", ".");
        Link("a/over", "../b");
        Link("b/back", "../a");
        Link("root", "/");
        Link("loop", "loop");
        Link("gone", "nowhere");
        Link("c", elsewhere.Path);
        ImageDataset.Open(folder.Path).Items.Select(i => i.Id).ShouldBe(["a/1.jpg", "a/over/2.jpg", "b/2.jpg", "b/back/1.jpg", "c/3.jpg"]);
        // A data folder may be a link itself.
        using var link = new TemporaryFolder();
        Directory.CreateSymbolicLink(Path.Combine(link.Path, "data"), folder.Path);
        ImageDataset.Open(Path.Combine(link.Path, "data")).Count.ShouldBe(5);
    }

    [Fact]
    public void An_image_that_is_a_link_to_itself_says_so_when_it_is_read()
    {
        folder.AddImage("1.jpg");
        File.CreateSymbolicLink(Path.Combine(folder.Path, "2.jpg"), "2.jpg");
        Should.Throw<InputException>(() => ImageDataset.Open(folder.Path).Items[1].Load()).Message.ShouldContain("2.jpg: ");
    }

    [Fact]
    public void A_hundred_thousand_images_are_listed_fast_and_take_little_memory()
    {
        var classes = Enumerable.Range(0, 100).Select(c => Directory.CreateDirectory(Path.Combine(folder.Path, $"class {c:D2}")).FullName).ToList();
        Parallel.For(0, 100_000, i => File.Create(Path.Combine(classes[i % 100], $"{i:D6}.jpg")).Dispose());
        folder.AddImage("class 00/000000 first.jpg");
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var begun = System.Diagnostics.Stopwatch.GetTimestamp();
        var dataset = ImageDataset.Open(folder.Path, LabelPolicy.Required);
        System.Diagnostics.Stopwatch.GetElapsedTime(begun).ShouldBeLessThan(TimeSpan.FromSeconds(20));
        (dataset.Count, dataset.ClassCount).ShouldBe((100_001, 100));
        (GC.GetTotalMemory(forceFullCollection: true) - before).ShouldBeLessThan(100 << 20);
        using var loader = new BatchLoader(dataset, new EvalTransform(new() { Size = 4, CropFraction = 1, Mean = [0], Std = [1] }),
            new() { BatchSize = 2, Shuffle = false, SkipUnreadable = true });
        loader.Next()!.Indices.ShouldBe([0]);
    }

    [Fact]
    public void A_list_of_samples_holds_any_name()
    {
        foreach (var name in (string[])["a\\nb.jpg", "a\nb.jpg", " c .jpg", "d\\\\e\r.jpg", "f 3.jpg"]) folder.AddImage(name);
        var dataset = ImageDataset.Open(folder.Path);
        var list = folder.AddText("samples.txt", "");
        int[] order = [4, 2, 0, 3, 1];
        SampleList.Write(list, dataset, order);
        SampleList.Read(list, dataset).ShouldBe(order);
        File.ReadAllLines(list).Length.ShouldBe(5);
        dataset.Items.ShouldAllBe(item => File.Exists(((ImageFileItem)item).Path));
    }

    [Fact]
    public void One_subfolder_for_each_class_gives_labels_in_ordinal_order()
    {
        foreach (var name in (string[])["cat/1.jpg", "Zebra/x/2.jpg", "ant/3.jpg", "cat/0.jpg"]) folder.AddImage(name);
        var dataset = ImageDataset.Open(folder.Path, LabelPolicy.Required);
        dataset.ClassNames.ShouldBe(["Zebra", "ant", "cat"]);
        dataset.Items.Select(i => (i.Id, i.Label)).ShouldBe([("Zebra/x/2.jpg", 0), ("ant/3.jpg", 1), ("cat/0.jpg", 2), ("cat/1.jpg", 2)]);
        dataset.ClassCount.ShouldBe(3);
        ImageDataset.Open(folder.Path, LabelPolicy.Ignored).HasLabels.ShouldBeFalse();
    }

    [Fact]
    public void An_empty_subfolder_puts_the_class_numbers_in_doubt()
    {
        foreach (var name in (string[])["cat/1.jpg", "ant/3.jpg"]) folder.AddImage(name);
        Directory.CreateDirectory(Path.Combine(folder.Path, "bee"));
        ImageDataset.Open(folder.Path).HasLabels.ShouldBeFalse();
        Should.Throw<InputException>(() => ImageDataset.Open(folder.Path, LabelPolicy.Required));
    }

    [Fact]
    public void Labels_txt_gives_order_and_labels_and_may_hold_spaces()
    {
        foreach (var name in (string[])["b.jpg", "my cat.jpg", "unlisted.jpg"]) folder.AddImage(name);
        folder.AddText("labels.txt", "my cat.jpg 7\r\n\nb.jpg 0\n");
        var dataset = ImageDataset.Open(folder.Path);
        dataset.Items.Select(i => (i.Id, i.Label)).ShouldBe([("my cat.jpg", 7), ("b.jpg", 0)]);
        dataset.ClassCount.ShouldBe(8);
        dataset.Subset([1]).Items.Single().Id.ShouldBe("b.jpg");
        dataset.Subset([1]).ClassCount.ShouldBe(8);
        dataset.Take(1).Items.Single().Id.ShouldBe("my cat.jpg");
        ImageDataset.Open(folder.Path, LabelPolicy.Ignored).Count.ShouldBe(3);
    }

    [Theory]
    [InlineData("a.jpg", "is not of the form")]
    [InlineData("a.jpg cat", "is not of the form")]
    [InlineData("a.jpg -1", "is not of the form")]
    [InlineData("a.jpg 5000000", "over the limit")]
    [InlineData("b.jpg 1", "does not exist")]
    [InlineData("ok.jpg 1", "a second time")]
    public void Faulty_lines_are_named(string line, string reason)
    {
        foreach (var name in (string[])["ok.jpg", "a.jpg"]) folder.AddImage(name);
        folder.AddText("labels.txt", $"ok.jpg 3\n{line}\n");
        var message = Should.Throw<InputException>(() => ImageDataset.Open(folder.Path)).Message;
        message.ShouldStartWith(Path.Combine(folder.Path, "labels.txt") + ":2: the line ");
        message.ShouldContain(reason);
    }

    [Fact]
    public void Missing_empty_and_unlabelled_data_are_refused()
    {
        Message(folder.Path + "/none", LabelPolicy.IfPresent).ShouldEndWith("there is no such folder.");
        Message(folder.Path, LabelPolicy.IfPresent).ShouldContain("no images there");
        folder.AddImage("a.jpg");
        Message(folder.Path, LabelPolicy.Required).ShouldContain("labels.txt");
        Message(folder.Path + "/a.jpg", LabelPolicy.IfPresent).ShouldContain("is a file");
        folder.AddText("labels.txt", "\n");
        Message(folder.Path, LabelPolicy.IfPresent).ShouldEndWith("labels.txt: lists no images.");
        Message("fashion-mnist:validation", LabelPolicy.IfPresent).ShouldContain("fashion-mnist:train");
    }

    private static string Message(string data, LabelPolicy labels) =>
        Should.Throw<InputException>(() => ImageDataset.Open(data, labels)).Message;
}
