using Espalier.Models.Data;

namespace Espalier.Models.Tests.Data;

public class ImageReaderTests
{
    public static TheoryData<string> Files => [.. Golden.Names.Where(n => n.EndsWith("/RGB")).Select(n => n[..^4]).Where(n => n.Contains('.'))];

    [Theory]
    [MemberData(nameof(Files))]
    public void Pixels_equal_those_of_Pillow(string file) =>
        ImageReader.Read(Golden.Fixture(file)).ShouldMatch(Golden.Get(file + "/RGB"));

    [Theory]
    [MemberData(nameof(Files))]
    public void Grey_pixels_equal_those_of_Pillow(string file) =>
        ImageReader.Read(Golden.Fixture(file), channels: 1).ShouldMatch(Golden.Get(file + "/L"));

    [Fact]
    public void Exif_orientation_is_not_applied()
    {
        var image = ImageReader.Read(Golden.Fixture("exif-rotated.jpg"));
        (image.Width, image.Height).ShouldBe((37, 29));
    }

    [Fact]
    public void The_kind_is_told_by_content_not_by_name()
    {
        using var folder = new TemporaryFolder();
        folder.AddImage("really-a-png.jpg", "rgb.png");
        ImageReader.Read(Path.Combine(folder.Path, "really-a-png.jpg")).ShouldMatch(Golden.Get("rgb.png/RGB"));
    }
}
