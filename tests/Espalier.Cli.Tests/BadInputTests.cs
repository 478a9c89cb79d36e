using System.IO.Compression;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

/// <summary>Whatever is wrong with the input: one line that names it, exit code 3, and no result.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_missing_model() => ShouldBeRefused(Evaluate(_folder["nothing"], Data()), "There is no file or folder");

    [Fact]
    public void A_missing_data_folder() => ShouldBeRefused(Evaluate(_folder.WriteModel(), _folder["nothing"]), "there is no such folder");

    [Fact]
    public void A_folder_without_images()
    {
        _folder.Write("empty/readme.txt", "no images here");
        ShouldBeRefused(Evaluate(_folder.WriteModel(), _folder["empty"]), "no images there");
        ShouldBeRefused(Predict(_folder.WriteModel(), _folder["empty"]), "no images there");
    }

    [Fact]
    public void Images_without_labels() =>
        ShouldBeRefused(Evaluate(_folder.WriteModel(), _folder.WriteImages("images", 2)), "the images have no labels");

    [Fact]
    public void A_label_the_model_does_not_know() =>
        ShouldBeRefused(Evaluate(_folder.WriteModel(), _folder.WriteImages("data", 2, 0, 6)), "labels up to 6 but the model knows 6 classes");

    [Fact]
    public void A_class_tree_of_another_number_of_classes()
    {
        foreach (var name in new[] { "tree/a", "tree/b" }) _folder.WriteImages(name, 1);
        ShouldBeRefused(Evaluate(_folder.WriteModel(), _folder["tree"]), "has 2 classes but the model knows 6 classes");
    }

    [Theory]
    [InlineData(4)]
    [InlineData(100)]
    [InlineData(3000)]
    public void Truncated_weights(int length)
    {
        var model = _folder.WriteModel();
        using (var file = File.OpenWrite(Path.Combine(model, "model.safetensors"))) file.SetLength(length);
        ShouldBeRefused(Evaluate(model, Data()), "model.safetensors");
        ShouldBeRefused(CliRun.Of("bench", model), "model.safetensors");
    }

    [Fact]
    public void A_checkpoint_that_would_run_code()
    {
        using (var zip = ZipFile.Open(_folder["model.pth"], ZipArchiveMode.Create))
        using (var pickle = zip.CreateEntry("model/data.pkl").Open())
            pickle.Write([0x80, 2, .. "cposix\nsystem\n(X\u0004\0\0\0truetR."u8]);
        foreach (var run in new[] { CliRun.Of("inspect", _folder["model.pth"]), Evaluate(_folder["model.pth"], Data()), CliRun.Of("bench", _folder["model.pth"]) })
            ShouldBeRefused(run, "asks to import posix.system");
    }

    [Theory]
    [InlineData("")]
    [InlineData("PK\u0003\u0004")]
    [InlineData("this is no checkpoint")]
    public void A_checkpoint_that_is_none(string text)
    {
        _folder.Write("model.pth", text);
        ShouldBeRefused(CliRun.Of("inspect", _folder["model.pth"]), "model.pth is not a PyTorch file that can be read");
    }

    [Fact]
    public void A_text_file_called_jpg()
    {
        var data = Data();
        _folder.Write("data/1.png", "this is no image");
        File.Move(Path.Combine(data, "1.png"), Path.Combine(data, "1.jpg"));
        ShouldBeRefused(Predict(_folder.WriteModel(), data), "1.jpg: not a JPEG, PNG, WebP or BMP image");
    }

    [Fact]
    public void A_truncated_image()
    {
        var data = Data();
        using (var file = File.OpenWrite(Path.Combine(data, "1.png"))) file.SetLength(50);
        ShouldBeRefused(Evaluate(_folder.WriteModel(), data), "1.png: the PNG file is truncated");
    }

    [Fact]
    public void A_name_alone_is_wrong_usage_where_weights_matter()
    {
        foreach (var command in new[] { "evaluate tiny-test-vit --data x", "predict tiny-test-vit --images x", "finetune tiny-test-vit --data x -o y" })
        {
            var run = CliRun.Of(command);
            run.Code.ShouldBe(ExitCodes.Usage);
            run.ErrorLine.ShouldContain("random weights");
        }
    }

    private string Data() => _folder.WriteImages("data", 3, 0, 1, 2);

    private static CliRun Evaluate(string model, string data) => CliRun.Of("evaluate", model, "--data", data, "--quiet");

    private static CliRun Predict(string model, string images) => CliRun.Of("predict", model, "--images", images, "--quiet");

    private static void ShouldBeRefused(CliRun run, string because)
    {
        run.Code.ShouldBe(ExitCodes.Input, run.Error);
        run.ErrorLine.ShouldStartWith("espalier: ");
        run.ErrorLine.ShouldContain(because);
        run.Out.ShouldBeEmpty();
    }
}
