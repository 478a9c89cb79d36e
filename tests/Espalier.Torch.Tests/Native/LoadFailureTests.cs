using System.Runtime.InteropServices;
using System.Text;
using Espalier.Testing;
using Espalier.Torch.Native;

namespace Espalier.Torch.Tests.Native;

public sealed class LoadFailureTests
{
    private static readonly string s_door = Path.Combine(SharedData.Root, "artifacts", "native", "libespalier_torch.so");

    [SkippableTheory]
    [InlineData(".so.1.13", ".so.1.13", "sudo apt-get install --no-install-recommends libtorch1.13 libopenblas0-openmp")]
    [InlineData(".so.1.13", ".so.9.99", "LD_LIBRARY_PATH")]
    public void A_door_without_its_libtorch_says_what_is_missing_and_where_it_was_looked_for(string needed, string other, string advice)
    {
        // The real loader's words: a copy of the door that asks for a library nobody has.
        var door = File.ReadAllBytes(s_door);
        var name = Encoding.ASCII.GetBytes($"libc10{needed}");
        Skip.If(door.AsSpan().IndexOf(name) < 0, "the door is built for another libtorch");
        var absent = Encoding.ASCII.GetBytes($"libc99{other}");
        absent.CopyTo(door, door.AsSpan().IndexOf(name));
        var copy = Path.Combine(Directory.CreateTempSubdirectory("espalier-door-").FullName, "libespalier_torch.so");
        try
        {
            File.WriteAllBytes(copy, door);
            var report = Should.Throw<DllNotFoundException>(() => NativeLibrary.Load(copy)).Message;

            var message = LoadFailure.Explain(copy, report, "/somewhere");

            message.ShouldStartWith($"libtorch is missing: {copy} needs libc99{other}, ");
            message.ShouldContain("LD_LIBRARY_PATH (/somewhere)");
            message.ShouldContain(advice);
            message.ShouldNotContain('\n');
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(copy)!, recursive: true);
        }
    }

    [Fact]
    public void Any_other_failure_is_told_in_the_systems_words()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "no library");
            var report = Should.Throw<DllNotFoundException>(() => NativeLibrary.Load(file)).Message;
            LoadFailure.Explain(file, report, null).ShouldMatch("cannot be loaded \\(.*(too short|invalid ELF header).*\\); rebuild it");
        }
        finally
        {
            File.Delete(file);
        }
    }
}
