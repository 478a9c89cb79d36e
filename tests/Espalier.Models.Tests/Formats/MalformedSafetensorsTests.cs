using System.Buffers.Binary;
using System.Text;
using Espalier.Models.Formats.Safetensors;

namespace Espalier.Models.Tests.Formats;

public class MalformedSafetensorsTests
{
    [Theory]
    [InlineData("""{}""", 0, null)]
    [InlineData("""{}     """, 0, null)]
    [InlineData("""{"t":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""", 4, null)]
    [InlineData("""{"t":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]}}""", 0, null)]
    [InlineData(""" {}""", 0, "does not start with '{'")]
    [InlineData("", 0, "does not start with '{'")]
    [InlineData("{\"\u00ff\":1}", 0, "not valid UTF-8")]
    [InlineData("""{"t":""", 0, "not valid JSON")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""", 4, "not valid JSON")]
    [InlineData("""{} {}""", 0, "not valid JSON")]
    [InlineData("""{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2, "not valid JSON")]
    [InlineData("""{"t":[]}""", 0, "the entry of tensor t is not an object")]
    [InlineData("""{"t":{"shape":[],"data_offsets":[0,4]}}""", 4, "tensor t has no dtype")]
    [InlineData("""{"t":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}""", 4, "tensor t has the unsupported element type F8_E4M3")]
    [InlineData("""{"t":{"dtype":"F32","data_offsets":[0,4]}}""", 4, "tensor t has no shape")]
    [InlineData("""{"t":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "tensor t has -1 in its shape")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "tensor t has 1.5 in its shape")]
    [InlineData("""{"t":{"dtype":"F32","shape":[]}}""", 4, "tensor t has no data_offsets")]
    [InlineData("""{"t":{"dtype":"F32","shape":[],"data_offsets":[0,4,8]}}""", 4, "tensor t has data_offsets [0, 4, 8]")]
    [InlineData("""{"t":{"dtype":"F32","shape":[],"data_offsets":[4,0]}}""", 4, "tensor t has data_offsets [4, 0]")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "a hole or an overlap")]
    [InlineData("""{"s":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"t":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""", 3, "tensor t starts at byte 1")]
    [InlineData("""{"s":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"t":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}}""", 5, "tensor t starts at byte 3")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "tensor t, F32 [2], needs 8 bytes but has 4")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "overflows")]
    [InlineData("""{"t":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}""", 0, "overflows")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5, "its tensors take 4 bytes but 5 follow")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 3, "its tensors take 4 bytes but 3 follow")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "__metadata__ entry a is not a string")]
    [InlineData("""{"__metadata__":"a"}""", 0, "__metadata__ is not an object")]
    public void Every_rule_of_the_header_is_checked(string header, int dataLength, string? fault)
    {
        // Latin-1 lets a case hold bytes that are no UTF-8.
        var json = Encoding.Latin1.GetBytes(header);
        var bytes = new byte[8 + json.Length + dataLength];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, json.Length);
        json.CopyTo(bytes, 8);
        Check(bytes, fault);
    }

    [Theory]
    [InlineData(0, 0, "it has only 0 bytes")]
    [InlineData(7, 0, "it has only 7 bytes")]
    [InlineData(16, 9, "its header claims 9 bytes but the file has 16")]
    [InlineData(16, 100_000_001, "over the limit of 100000000")]
    [InlineData(16, -1, "over the limit of 100000000")]
    public void The_headers_length_is_checked_before_it_is_read(int fileLength, long headerLength, string fault)
    {
        var bytes = new byte[Math.Max(8, fileLength)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, headerLength);
        Check(bytes[..fileLength], fault);
    }

    [Fact]
    public void Missing_files_and_folders_are_named()
    {
        using var folder = new TemporaryFolder();
        foreach (var path in new[] { folder["none"], folder.Path })
            Should.Throw<InputException>(() => SafetensorsFile.Open(path)).Message.ShouldStartWith($"Cannot read {path}: ");
    }

    private static void Check(byte[] bytes, string? fault)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["t.safetensors"], bytes);
        if (fault is null)
        {
            SafetensorsFile.Open(folder["t.safetensors"]).Dispose();
            return;
        }
        var error = Should.Throw<InputException>(() => SafetensorsFile.Open(folder["t.safetensors"])).Message;
        error.ShouldContain(fault);
        error.ShouldContain("t.safetensors");
        error.ShouldNotContain("\n");
    }
}
