using Espalier.Models.Formats;
using Espalier.Models.Vit;

namespace Espalier.Models.Tests.Formats;

public class PreprocessorConfigTests
{
    [Fact]
    public void Every_known_preprocessing_is_read_back()
    {
        foreach (var (_, preprocessing) in VitRegistry.Names.Select(n => VitRegistry.Find(n)!))
        {
            var read = Read(PreprocessorConfig.ToJson(preprocessing));
            (read.Size, read.Resize, read.Interpolation).ShouldBe((preprocessing.Size, preprocessing.Resize, preprocessing.Interpolation), preprocessing.ToString());
            read.Mean.ShouldBe(preprocessing.Mean);
            read.Std.ShouldBe(preprocessing.Std);
        }
    }

    [Fact]
    public void Every_resize_survives_the_detour_over_the_crop_fraction()
    {
        for (var resize = 224; resize < 600; resize++)
            Read($$"""{"size":{"shortest_edge":{{resize}}},"crop_size":224,"do_center_crop":true}""").Resize.ShouldBe(resize);
    }

    [Theory]
    [InlineData("""{"size":256,"resample":3,"do_center_crop":true,"crop_size":{"height":224,"width":224},"image_mean":[0.4],"image_std":[0.2]}""", 224, 256, 0.4)]
    [InlineData("""{"size":{"shortest_edge":224},"do_normalize":false}""", 224, 224, 0.0)]
    public void Sizes_come_in_several_forms(string text, int size, int resize, double mean)
    {
        var read = Read(text);
        (read.Size, read.Resize, read.Mean[0]).ShouldBe((size, resize, mean));
    }

    [Theory]
    [InlineData("""{"size":224}""", 224, 224, true)]
    [InlineData("""{"size":{"height":384,"width":384},"do_center_crop":false,"resample":2}""", 384, 384, true)]
    [InlineData("""{"size":256,"crop_size":224}""", 224, 256, false)]
    [InlineData("""{"size":{"shortest_edge":224},"crop_pct":0.875}""", 224, 256, false)]
    public void Without_a_crop_a_square_is_squashed(string text, int size, int resize, bool squash)
    {
        var read = Read(text);
        (read.Size, read.Resize, read.Squash).ShouldBe((size, resize, squash));
        var again = Read(PreprocessorConfig.ToJson(read));
        (again.Size, again.Resize, again.Squash).ShouldBe((size, resize, squash));
    }

    [Theory]
    [InlineData("""{"do_resize":false,"size":224}""", "does not resize images")]
    [InlineData("""{"size":{"shortest_edge":224},"rescale_factor":1}""", "rescale_factor 1/255")]
    [InlineData("""{"size":{"shortest_edge":224},"resample":1}""", "resample 1 is not supported")]
    [InlineData("""{"size":{"height":224,"width":200},"crop_size":200}""", "size must be a side")]
    [InlineData("""{"size":{"shortest_edge":224},"crop_size":256}""", "crop fraction")]
    [InlineData("""{"size":224,"crop_size":-9}""", "crop_size must be a number of pixels above 0")]
    [InlineData("""{"size":{"shortest_edge":0},"crop_size":9}""", "size must be a side")]
    public void What_is_not_supported_is_refused(string text, string fault) =>
        Should.Throw<InputException>(() => Read(text)).Message.ShouldContain(fault);

    private static Models.Data.Preprocessing Read(string text) => PreprocessorConfig.Parse(text, "preprocessor_config.json");
}
