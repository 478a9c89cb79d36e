using Espalier.Models.Data;
using Espalier.Models.Formats;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Espalier.Models.Tests.Data.Decoding;

/// <summary>Images made to take all memory or all day.</summary>
public class HostileImageTests
{
    [Theory]
    [InlineData(100_000, 100_000)]
    [InlineData(1 << 30, 1)]
    [InlineData(13_000, 13_000)]
    [InlineData(-1, 5)]
    public void A_png_is_refused_for_its_header_alone(int width, int height)
    {
        var png = PngWriter.Encode(new(1, 1, 3, [1, 2, 3]));
        WriteInt32BigEndian(png.AsSpan(16), width);
        WriteInt32BigEndian(png.AsSpan(20), height);
        WriteUInt32BigEndian(png.AsSpan(29), Crc32.Of(png.AsSpan(12, 17)));
        Refused(png);
    }

    [Fact]
    public void A_jpeg_is_refused_for_its_header_alone()
    {
        var jpeg = JpegWriter.Encode(new(8, 8, 3, new byte[192]));
        var frame = jpeg.AsSpan().IndexOf(stackalloc byte[] { 0xFF, 0xC0 });
        WriteUInt16BigEndian(jpeg.AsSpan(frame + 5), 13_000);
        WriteUInt16BigEndian(jpeg.AsSpan(frame + 7), 13_000);
        Refused(jpeg).ShouldContain("13000×13000");
    }

    [Fact]
    public void A_jpeg_of_endless_scans_is_refused()
    {
        var jpeg = JpegWriter.Encode(new(8, 8, 1, new byte[64]));
        var scan = jpeg.AsSpan(jpeg.AsSpan().IndexOf(stackalloc byte[] { 0xFF, 0xDA })).ToArray()[..^2];
        Refused([.. jpeg[..^2], .. Enumerable.Repeat(scan, 1000).SelectMany(s => s), 0xFF, 0xD9]).ShouldContain("more than 100 scans");
    }

    [Fact]
    public void What_is_no_scan_of_the_image_is_not_counted()
    {
        var jpeg = JpegWriter.Encode(new(8, 8, 1, new byte[64]));
        var marks = Enumerable.Repeat(new byte[] { 0xFF, 0xDA }, 200).SelectMany(m => m).ToArray();
        var plain = ImageReader.Decode(jpeg, "plain", 1).Pixels;
        ImageReader.Decode([.. jpeg, .. marks], "a phone's video behind it", 1).Pixels.ShouldBe(plain);
        ImageReader.Decode([0xFF, 0xD8, 0xFF, 0xE1, 1, 0x92, .. marks, .. jpeg[2..]], "a thumbnail before it", 1).Pixels.ShouldBe(plain);
    }

    [Fact]
    public void A_blank_page_is_no_bomb()
    {
        const int Side = 4200; // above the size from which a file must be in proportion
        var png = PngWriter.Encode(new(Side, Side, 1, new byte[Side * Side]));
        ImageReader.Decode(png, "blank", 1).Width.ShouldBe(Side);
    }

    private static string Refused(byte[] image)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var message = Should.Throw<InputException>(() => ImageReader.Decode(image, "photo")).Message;
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(1 << 20);
        message.ShouldStartWith("photo: ");
        return message;
    }
}
