using Espalier.Models.Formats;
using Espalier.Models.Data;

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
