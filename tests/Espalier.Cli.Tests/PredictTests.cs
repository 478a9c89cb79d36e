using System.Text.Json;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class PredictTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Predict_names_the_five_likeliest_classes_of_each_image()
    {
        var model = _folder.WriteModel(classNames: ["ash", "beech", "cedar", "elm", "fir", "hazel"]);
        var run = CliRun.Of("predict", model, "--images", _folder.WriteImages("images", 3), "--json", "--quiet");

        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        JsonElement[] images = [.. json.RootElement.GetProperty("images").EnumerateArray()];
        images.Select(i => i.GetProperty("path").GetString()).ShouldBe(["0.png", "1.png", "2.png"]);
        foreach (var image in images)
        {
            double[] shares = [.. image.GetProperty("classes").EnumerateArray().Select(c => c.GetProperty("probability").GetDouble())];
            shares.Length.ShouldBe(5);
            shares.ShouldBe(shares.OrderDescending());
            shares.Sum().ShouldBeInRange(0.5, 1);
            image.GetProperty("classes")[0].GetProperty("name").GetString().ShouldBeOneOf("ash", "beech", "cedar", "elm", "fir", "hazel");
        }
    }

    [Fact]
    public void Classes_without_names_have_numbers()
    {
        var run = CliRun.Of("predict", _folder.WriteModel(), "--images", _folder.WriteImages("images", 1));

        run.Out.ShouldStartWith("0.png: class ");
    }

    [Fact]
    public void Labels_are_neither_needed_nor_minded()
    {
        var labelled = _folder.WriteImages("images", 3, 0, 7_777, 2);

        CliRun.Of("predict", _folder.WriteModel(), "--images", labelled).Code.ShouldBe(0);
    }
}
