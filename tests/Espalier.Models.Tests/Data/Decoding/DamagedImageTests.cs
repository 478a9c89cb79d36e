using System.Buffers.Binary;
using Espalier.Models.Data;

namespace Espalier.Models.Tests.Data;

public class DamagedImageTests
{
    [Theory]
    [InlineData("rgb.jpg", 0.6)]
    [InlineData("progressive.jpg", 0.3)]
    [InlineData("grey.jpg", 0.05)]
    [InlineData("rgb.png", 0.5)]
    [InlineData("rgb.png", 0.01)]
    [InlineData("interlaced.png", 0.9)]
    [InlineData("lossy.webp", 0.5)]
    [InlineData("lossless.webp", 0.7)]
    [InlineData("24bit.bmp", 0.9)]
    [InlineData("4bit-palette.bmp", 0.05)]
    [InlineData("1bit.bmp", 0.02)]
    public void Truncated_files_are_refused_by_name(string file, double kept)
    {
        var bytes = File.ReadAllBytes(Golden.Fixture(file));
        Fault(bytes[..(int)(bytes.Length * kept)], file).ShouldStartWith(file + ": ");
    }

    [Fact]
    public void A_JPEG_without_its_last_marker_is_whole()
    {
        var bytes = File.ReadAllBytes(Golden.Fixture("rgb.jpg"));
        ImageReader.Decode(bytes.AsSpan(..^2), "x").ShouldMatch(Golden.Get("rgb.jpg/RGB"));
    }

    [Fact]
    public void A_PNG_without_its_last_chunk_is_whole()
    {
        var bytes = File.ReadAllBytes(Golden.Fixture("rgb.png"));
        ImageReader.Decode(bytes.AsSpan(..^12), "x").ShouldMatch(Golden.Get("rgb.png/RGB"));
    }

    [Fact]
    public void An_empty_file_is_refused() => Fault([], "a.png").ShouldBe("a.png: the file is empty.");

    [Fact]
    public void Other_files_are_refused() =>
        Fault("%PDF-1.7 something"u8, "a.jpg").ShouldBe("a.jpg: not a JPEG, PNG, WebP or BMP image.");

    [Fact]
    public void A_missing_file_is_refused() =>
        Should.Throw<InputException>(() => ImageReader.Read("/nowhere/at/all.png")).Message.ShouldStartWith("Cannot read /nowhere/at/all.png: ");

    [Fact]
    public void A_flipped_bit_in_a_PNG_is_noticed()
    {
        var bytes = File.ReadAllBytes(Golden.Fixture("rgb.png"));
        bytes[bytes.Length / 2] ^= 0x10;
        Fault(bytes, "a.png").ShouldContain("checksum");
    }

    [Fact]
    public void Huge_sizes_are_refused_before_memory_is_taken()
    {
        var bytes = File.ReadAllBytes(Golden.Fixture("24bit.bmp"));
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(18), 60_000);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(22), 60_000);
        Fault(bytes, "big").ShouldBe("big: 60000×60000 pixels is over the limit of 178956970.");
    }

    [Fact]
    public void Random_damage_never_escapes_as_another_exception()
    {
        var random = new SeededRandom(7, "damage");
        foreach (var file in Golden.Names.Where(n => n.EndsWith("/RGB")).Select(n => n[..^4]).Where(n => File.Exists(Golden.Fixture(n))))
        {
            var whole = File.ReadAllBytes(Golden.Fixture(file));
            for (var round = 0; round < 40; round++)
            {
                var bytes = whole[..random.NextInt(1, whole.Length)];
                if (round % 2 == 0) bytes = [.. whole];
                for (var k = 0; k < 5; k++) bytes[random.NextInt(bytes.Length)] = (byte)random.NextInt(256);
                try
                {
                    ImageReader.Decode(bytes, file);
                }
                catch (InputException)
                {
                    // What every fault must become.
                }
            }
        }
    }

    private static string Fault(ReadOnlySpan<byte> bytes, string name)
    {
        var copy = bytes.ToArray();
        return Should.Throw<InputException>(() => ImageReader.Decode(copy, name)).Message;
    }
}
