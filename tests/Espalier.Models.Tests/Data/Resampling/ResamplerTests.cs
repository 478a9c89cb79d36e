using Espalier.Models.Data;

namespace Espalier.Models.Tests.Data;

public class ResamplerTests
{
    public static TheoryData<string> Cases => [.. Golden.Names.Where(n => n.StartsWith("resize"))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Resize_equals_that_of_Pillow(string name)
    {
        var source = ImageReader.Read(Golden.Fixture("rgb.png"), name.StartsWith("resize-grey") ? 1 : 3);
        var expected = Golden.Get(name);
        Resampler.Resize(source, expected.Width, expected.Height, FilterOf(name)).ShouldMatch(expected);
    }

    [Theory]
    [InlineData("crop-resize/bilinear")]
    [InlineData("crop-resize/bicubic")]
    public void A_crop_is_taken_before_the_resize(string name)
    {
        var source = ImageReader.Read(Golden.Fixture("rgb.png"));
        Resampler.Resize(source, 24, 24, FilterOf(name), new(5, 3, 21, 17)).ShouldMatch(Golden.Get(name));
    }

    [Fact]
    public void An_image_that_would_grow_beyond_all_bounds_on_the_way_is_an_invalid_input() =>
        Should.Throw<InputException>(() => Resampler.Resize(new ImageBuffer(1, 10_000_000, 1, new byte[10_000_000]), 224, 224, Interpolation.Bicubic))
            .Message.ShouldContain("1×10000000 pixels cannot be resized to 224×224");

    [Fact]
    public void A_side_whose_weights_would_fill_the_memory_is_an_invalid_input() =>
        Should.Throw<InputException>(() => Resampler.Resize(new ImageBuffer(40_000_000, 1, 1, new byte[40_000_000]), 224, 224, Interpolation.Bicubic))
            .Message.ShouldContain("40,000,000 pixels cannot be resized to 224");

    [Theory]
    [InlineData(51, 40)]
    [InlineData(16, 13)]
    [InlineData(37, 29)]
    [InlineData(37, 15)]
    [InlineData(20, 29)]
    public void A_window_holds_the_same_pixels_as_the_whole(int width, int height)
    {
        var source = ImageReader.Read(Golden.Fixture("rgb.png"));
        var whole = Resampler.Resize(source, width, height, Interpolation.Bicubic);
        var window = new PixelBox(4, 3, 9, 8);
        var part = new byte[9 * 8 * 3];
        Resampler.Resize(source, PixelBox.Whole(source), width, height, window, Interpolation.Bicubic, part);
        Resampler.Resize(whole, 9, 8, Interpolation.Bicubic, window).Pixels.ShouldBe(part);
    }

    [Fact]
    public void Boxes_outside_are_refused()
    {
        var source = ImageReader.Read(Golden.Fixture("rgb.png"));
        Should.Throw<ArgumentException>(() => Resampler.Resize(source, 8, 8, Interpolation.Bicubic, new(30, 0, 8, 8)));
        Should.Throw<ArgumentException>(() => Resampler.Resize(source, 8, 8, Interpolation.Bicubic, new(0, 0, 0, 8)));
    }

    private static Interpolation FilterOf(string name) => name.Contains("bicubic") ? Interpolation.Bicubic : Interpolation.Bilinear;
}
