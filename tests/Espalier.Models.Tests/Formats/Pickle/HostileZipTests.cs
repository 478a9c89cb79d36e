using System.Buffers.Binary;
using System.IO.Compression;
using Espalier.Models.Formats.Pickle;

namespace Espalier.Models.Tests.Formats.Pickle;

/// <summary>Archives and files around a good pickle that are not what they seem.</summary>
public class HostileZipTests
{
    private static readonly byte[] s_good = PickleWriter.Dict(w => w.Tensor(10, 0, [10], [1]));

    [Theory]
    [InlineData("archive/../../evil", "points outside of it")]
    [InlineData("/etc/passwd", "points outside of it")]
    [InlineData("archive\\data\\1", "points outside of it")]
    [InlineData("archive/data/0", "it has two files named archive/data/0")]
    [InlineData("archive/constants.pkl", "is a TorchScript program, not a checkpoint")]
    [InlineData("archive/code/__torch__.py", "is a TorchScript program, not a checkpoint")]
    public void Names_inside_are_checked(string name, string because)
    {
        using var folder = new TemporaryFolder();
        PickleWriter.Save(folder["a.pth"], s_good, more: (name, [1, 2, 3]));
        Error(folder["a.pth"]).ShouldContain(because);
    }

    [Fact]
    public void Byte_order_is_minded()
    {
        using var folder = new TemporaryFolder();
        PickleWriter.Save(folder["little.pth"], s_good, more: ("archive/byteorder", "little"u8.ToArray()));
        using (var file = TorchFile.Open(folder["little.pth"])) file.ReadFloats("w").Length.ShouldBe(10);
        PickleWriter.Save(folder["big.pth"], s_good, more: ("archive/byteorder", "big"u8.ToArray()));
        Error(folder["big.pth"]).ShouldContain("was written on a big-endian machine");
    }

    [Fact]
    public void A_bomb_is_refused_before_it_goes_off()
    {
        using var folder = new TemporaryFolder();
        const int Huge = 200_000_000;
        PickleWriter.Save(folder["a.pth"], PickleWriter.Dict(w => w.Tensor(Huge / 4, 0, [Huge / 4], [1])), Huge, CompressionLevel.SmallestSize);
        new FileInfo(folder["a.pth"]).Length.ShouldBeLessThan(1_000_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Error(folder["a.pth"]).ShouldContain("which weights do not");
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(4_000_000);
        PickleWriter.Save(folder["small.pth"], s_good, 40, CompressionLevel.SmallestSize);
        using var file = TorchFile.Open(folder["small.pth"]);
        file.ReadFloats("w").ShouldBe(new float[10]);
    }

    [Fact]
    public void Directories_that_lie_are_refused()
    {
        using var folder = new TemporaryFolder();
        PickleWriter.Save(folder["a.pth"], s_good);
        var bytes = File.ReadAllBytes(folder["a.pth"]);
        var (first, second) = (Header(bytes, 0), Header(bytes, 1));
        // The second file starts where the first does.
        Refused(b => b.AsSpan(first + 42, 4).CopyTo(b.AsSpan(second + 42)), "overlaps another file");
        Refused(b => Set(b, second + 42, bytes.Length), "does not lie inside it");
        Refused(b => Set(b, second + 42, 5), "does not start where the zip directory says");
        Refused(b => { Set(b, second + 20, 1 << 30); Set(b, second + 24, 1 << 30); }, "overlaps another file, or the zip directory");
        Refused(b => Set(b, second + 24, 80), "is stored in 40 bytes but claims 80");
        Refused(b => b[second + 8] |= 1, "is encrypted");
        Refused(b => b[second + 10] = 12, "is compressed by method 12");
        Refused(b => b[first] = 0, "its zip directory is damaged");
        Refused(b => Set(b, b.Length - 6, bytes.Length), "does not lie inside it");
        Refused(b => Set(b, b.Length - 10, -1), "its zip64 directory is missing");

        void Refused(Action<byte[]> change, string because)
        {
            var changed = bytes.ToArray();
            change(changed);
            File.WriteAllBytes(folder["b.pth"], changed);
            Error(folder["b.pth"]).ShouldContain(because);
        }
    }

    [Fact]
    public void Sizes_that_do_not_fit_in_32_bits_are_read_from_the_field_for_them()
    {
        using var folder = new TemporaryFolder();
        PickleWriter.Save(folder["a.pth"], s_good);
        var bytes = File.ReadAllBytes(folder["a.pth"]);
        var (header, end) = (Header(bytes, 1), bytes.Length - 22);
        // Another field first, then the sizes and the place: lengths in the header say "look there".
        var local = BitConverter.ToInt32(bytes, header + 42);
        byte[] extra = [0x34, 0x12, 2, 0, 9, 9, 1, 0, 24, 0, .. BitConverter.GetBytes(40L), .. BitConverter.GetBytes(40L), .. BitConverter.GetBytes((long)local)];
        foreach (var at in new[] { 20, 24, 42 }) Set(bytes, header + at, -1);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(header + 30), (ushort)extra.Length);
        Set(bytes, end + 12, BitConverter.ToInt32(bytes, end + 12) + extra.Length);
        var name = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(header + 28));
        byte[] large = [.. bytes[..(header + 46 + name)], .. extra, .. bytes[(header + 46 + name)..]];
        File.WriteAllBytes(folder["b.pth"], large);
        using (var file = TorchFile.Open(folder["b.pth"])) file.ReadFloats("w").ShouldBe(new float[10]);

        // Nine exabytes, and less than nothing, lie nowhere.
        foreach (var lie in new[] { long.MaxValue, -1L, 1L << 40 })
            foreach (var at in new[] { 10, 18, 26 })
            {
                BinaryPrimitives.WriteInt64LittleEndian(large.AsSpan(header + 46 + name + at), lie);
                File.WriteAllBytes(folder["b.pth"], large);
                Error(folder["b.pth"]);
                BinaryPrimitives.WriteInt64LittleEndian(large.AsSpan(header + 46 + name + at), at == 26 ? local : 40);
            }
    }

    [Fact]
    public void A_directory_that_does_not_fit_in_32_bits_is_found_by_its_locator()
    {
        using var folder = new TemporaryFolder();
        PickleWriter.Save(folder["a.pth"], s_good);
        var bytes = File.ReadAllBytes(folder["a.pth"]);
        var end = bytes.Length - 22;
        byte[] record =
        [
            .. BitConverter.GetBytes(0x06064B50), .. BitConverter.GetBytes(44L), .. new byte[12], .. BitConverter.GetBytes(2L), .. BitConverter.GetBytes(2L),
            .. BitConverter.GetBytes((long)BitConverter.ToInt32(bytes, end + 12)), .. BitConverter.GetBytes((long)BitConverter.ToInt32(bytes, end + 16)),
        ];
        record.Length.ShouldBe(56);
        byte[] locator = [.. BitConverter.GetBytes(0x07064B50), 0, 0, 0, 0, .. BitConverter.GetBytes((long)end), 1, 0, 0, 0];
        byte[] large = [.. bytes[..end], .. record, .. locator, .. bytes[end..]];
        foreach (var at in new[] { 12, 16 }) Set(large, large.Length - 22 + at, -1);
        File.WriteAllBytes(folder["b.pth"], large);
        using (var file = TorchFile.Open(folder["b.pth"])) file.ReadFloats("w").ShouldBe(new float[10]);
        foreach (var lie in new[] { -1L, long.MaxValue, 1L << 40, 3L })
        {
            BinaryPrimitives.WriteInt64LittleEndian(large.AsSpan(end + 56 + 8), lie);
            File.WriteAllBytes(folder["b.pth"], large);
            Error(folder["b.pth"]);
        }
    }

    [Fact]
    public void A_deflated_storage_shorter_than_it_claims_is_refused_when_it_is_read()
    {
        using var folder = new TemporaryFolder();
        PickleWriter.Save(folder["a.pth"], PickleWriter.Dict(w => w.Tensor(1000, 0, [1000], [1])), 40, CompressionLevel.SmallestSize);
        var bytes = File.ReadAllBytes(folder["a.pth"]);
        Set(bytes, Header(bytes, 1) + 24, 4000);
        File.WriteAllBytes(folder["a.pth"], bytes);
        using var file = TorchFile.Open(folder["a.pth"]);
        Should.Throw<InputException>(() => file.ReadFloats("w")).Message.ShouldContain("archive/data/0 has fewer bytes than it claims");
    }

    [Theory]
    [InlineData(new byte[0], "it is empty")]
    [InlineData(new byte[] { 1, 2, 3 }, "it is neither a zip archive nor a pickle")]
    [InlineData(new byte[] { 0x80, 2, (byte)'K', 1, (byte)'.' }, "not one that torch.save wrote")]
    [InlineData(new byte[] { (byte)'P', (byte)'K', 3, 4 }, "its zip directory is missing")]
    public void Other_files_are_told_apart(byte[] bytes, string because)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["a.pth"], bytes);
        Error(folder["a.pth"]).ShouldContain(because);
    }

    [Fact]
    public void Archives_without_a_pickle_and_tar_archives_are_told_apart()
    {
        using var folder = new TemporaryFolder();
        using (var zip = ZipFile.Open(folder["a.pth"], ZipArchiveMode.Create)) zip.CreateEntry("readme.txt");
        Error(folder["a.pth"]).ShouldContain("a zip archive without a data.pkl");
        var tar = new byte[1024];
        "ustar"u8.CopyTo(tar.AsSpan(257));
        File.WriteAllBytes(folder["b.pth"], tar);
        Error(folder["b.pth"]).ShouldContain("is a tar archive");
    }

    // Where the central header of the k-th file starts.
    private static int Header(byte[] bytes, int k)
    {
        var at = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(bytes.Length - 6));
        for (; k > 0; k--) at += 46 + BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at + 28)) + BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at + 30));
        return at;
    }

    private static void Set(byte[] bytes, int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), value);

    private static string Error(string path)
    {
        var message = Should.Throw<InputException>(() => TorchFile.Open(path)).Message;
        message.ShouldStartWith(path);
        return message;
    }
}
