using Espalier.Models.Data;
using Espalier.Testing;

namespace Espalier.Models.Tests.Data;

public sealed class ImageWriterTests
{
    /// <summary>Prints the decoded pixels of a file as hexadecimal: Pillow's view of it, in the file's own mode.</summary>
    private const string Decode = "import sys; from PIL import Image; i = Image.open(sys.argv[1]); i.load(); print(i.mode, i.width, i.height, i.tobytes().hex())";

    public static TheoryData<string, int> Images => new() { { "rgb.png", 3 }, { "rgb.png", 1 }, { "augment.png", 3 }, { "24bit.bmp", 3 }, { "grey.png", 1 } };

    [Theory]
    [MemberData(nameof(Images))]
    public void A_png_reads_back_as_it_was(string fixture, int channels)
    {
        var image = ImageReader.Read(Golden.Fixture(fixture), channels);
        ImageReader.Decode(PngWriter.Encode(image), "written", channels).ShouldMatch(image);
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 5, 3)]
    [InlineData(257, 1, 1)]
    [InlineData(64, 33, 3)]
    public void Noise_and_odd_sizes_survive_too(int width, int height, int channels)
    {
        var random = new SeededRandom(5, "noise");
        var image = new ImageBuffer(width, height, channels, [.. Enumerable.Range(0, width * height * channels).Select(_ => (byte)random.NextInt(256))]);
        ImageReader.Decode(PngWriter.Encode(image), "written", channels).ShouldMatch(image);
    }

    [Fact]
    public void The_same_pixels_give_the_same_bytes()
    {
        var image = ImageReader.Read(Golden.Fixture("rgb.png"));
        PngWriter.Encode(image).ShouldBe(PngWriter.Encode(image));
        JpegWriter.Encode(image).ShouldBe(JpegWriter.Encode(image));
    }

    [Fact]
    public void A_smooth_image_is_made_smaller() =>
        PngWriter.Encode(new ImageBuffer(100, 100, 1, [.. Enumerable.Range(0, 10_000).Select(i => (byte)(i % 100 + i / 100))])).Length.ShouldBeLessThan(500);

    [SkippableTheory]
    [MemberData(nameof(Images))]
    public void Pillow_reads_a_png_as_it_was(string fixture, int channels)
    {
        using var folder = new TemporaryFolder();
        var (path, image) = (Path.Combine(folder.Path, "written.png"), ImageReader.Read(Golden.Fixture(fixture), channels));
        PngWriter.Write(path, image);
        PythonOracle.Run(Decode, ["PIL"], path).Trim().ShouldBe(
            $"{(channels == 1 ? "L" : "RGB")} {image.Width} {image.Height} {Convert.ToHexStringLower(image.Pixels)}");
    }

    [SkippableTheory]
    [InlineData("rgb.png", 3, 75)]
    [InlineData("rgb.png", 3, 30)]
    [InlineData("grey.png", 1, 75)]
    [InlineData("augment.png", 3, 95)]
    public void A_jpeg_decodes_to_what_Pillow_makes_of_the_same_pixels(string fixture, int channels, int quality)
    {
        const string Save = "import sys; from PIL import Image; Image.open(sys.argv[1]).save(sys.argv[2], quality=int(sys.argv[3]))";
        using var folder = new TemporaryFolder();
        string Name(string name) => Path.Combine(folder.Path, name);
        var image = ImageReader.Read(Golden.Fixture(fixture), channels);
        PngWriter.Write(Name("original.png"), image);
        PythonOracle.Run(Save, ["PIL"], Name("original.png"), Name("theirs.jpg"), $"{quality}");
        ImageReader.Decode(JpegWriter.Encode(image, quality), "ours", channels).ShouldMatch(ImageReader.Read(Name("theirs.jpg"), channels));
    }

    [Fact]
    public void A_jpeg_is_close_to_the_original()
    {
        // Smooth in every channel: chroma at half resolution would blur anything else.
        var image = new ImageBuffer(64, 48, 3, [.. Enumerable.Range(0, 64 * 48 * 3).Select(i => (byte)(i / 3 % 64 * 3 + i / 192))]);
        ImageReader.Decode(JpegWriter.Encode(image, 95), "written").ShouldMatch(image, tolerance: 8);
    }

    [Fact]
    public void Where_nothing_can_be_written_is_said() =>
        Should.Throw<FailureException>(() => PngWriter.Write("/no-such-folder/image.png", new ImageBuffer(1, 1, 1, [0]))).Message.ShouldContain("/no-such-folder");
}
