using Espalier.Models.Formats;

namespace Espalier.Models.Tests.Formats;

public class AtomicFileTests
{
    [Fact]
    public void A_file_is_replaced_as_a_whole()
    {
        using var folder = new TemporaryFolder();
        AtomicFile.WriteText(folder["a.txt"], "a much longer first text");
        AtomicFile.WriteText(folder["a.txt"], "é\n");
        File.ReadAllBytes(folder["a.txt"]).ShouldBe([0xC3, 0xA9, (byte)'\n']);
        folder.Files.ShouldBe(["a.txt"]);
    }

    [Fact]
    public void A_failure_leaves_the_old_file_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        AtomicFile.WriteText(folder["a.txt"], "old");
        Should.Throw<OperationCanceledException>(() => AtomicFile.Write(folder["a.txt"], stream =>
        {
            stream.WriteByte(1);
            throw new OperationCanceledException();
        }));
        File.ReadAllText(folder["a.txt"]).ShouldBe("old");
        folder.Files.ShouldBe(["a.txt"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_is_there_only_once_what_was_written_passed_its_check(bool passes)
    {
        using var folder = new TemporaryFolder();
        var seen = "";
        var write = () => AtomicFile.Write(folder["a.txt"], stream => stream.Write("new"u8), file =>
        {
            seen = $"{new StreamReader(file).ReadToEnd()}, {File.Exists(file.Name)}, {File.Exists(folder["a.txt"])}";
            if (!passes) throw new VerificationException("no");
        });
        if (passes) write();
        else write.ShouldThrow<VerificationException>();
        seen.ShouldBe("new, True, False");
        folder.Files.ShouldBe(passes ? ["a.txt"] : []);
    }

    [Fact]
    public void What_an_interrupted_write_left_behind_is_no_obstacle()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder[".a.txt.tmp"], "half of something longer");
        AtomicFile.WriteText(folder["a.txt"], "new");
        File.ReadAllText(folder["a.txt"]).ShouldBe("new");
        folder.Files.ShouldBe(["a.txt"]);
    }

    [Fact]
    public void Unwritable_paths_are_failures_that_name_them()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["taken"]);
        foreach (var path in new[] { folder["no/such/a.txt"], folder["taken"] })
            Should.Throw<FailureException>(() => AtomicFile.WriteText(path, "x")).Message.ShouldStartWith($"Cannot write {path}: ");
        folder.Files.ShouldBeEmpty();
    }
}
