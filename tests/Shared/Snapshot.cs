namespace Espalier.Testing;

/// <summary>
/// Texts that people see, pinned as files in the test project's folder <c>Snapshots</c>. A test fails when a text differs from its file; with
/// <c>ESPALIER_SNAPSHOTS=write</c> the files are written anew, to be looked at in the diff.
/// </summary>
internal static class Snapshot
{
    private static readonly bool s_write = Environment.GetEnvironmentVariable("ESPALIER_SNAPSHOTS") == "write";

    /// <summary>Compares with <c>Snapshots/NAME.txt</c>. Spaces at the ends of lines do not count: tables are padded.</summary>
    public static void ShouldMatchSnapshot(this string text, string name)
    {
        var path = Path.Combine(SharedData.Root, "tests", typeof(Snapshot).Assembly.GetName().Name!, "Snapshots", name + ".txt");
        var now = string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd())).Trim('\n') + "\n";
        if (s_write)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, now);
        }
        File.Exists(path).ShouldBeTrue($"{path} is missing; ESPALIER_SNAPSHOTS=write ./test.sh writes it");
        now.ShouldBe(File.ReadAllText(path), $"{name} reads otherwise than its snapshot; if that is meant, ESPALIER_SNAPSHOTS=write ./test.sh writes it anew");
    }
}
