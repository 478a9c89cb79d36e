namespace Espalier.Testing;

/// <summary>Locates the optional folder of real models and images; tests that need it skip, with a reason, when it is absent.</summary>
internal static class SharedData
{
    /// <summary>The repository root: the nearest parent folder that holds <c>Espalier.slnx</c>.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The data folder: <c>ESPALIER_TEST_DATA</c>, else <c>../shared/data</c> beside the checkout.</summary>
    public static string Folder { get; } =
        Environment.GetEnvironmentVariable("ESPALIER_TEST_DATA") ?? Path.GetFullPath(Path.Combine(Root, "..", "shared", "data"));

    /// <summary>Full path of one file or folder of the data; skips the running test when it is not there.</summary>
    public static string Require(string name)
    {
        var path = Path.Combine(Folder, name);
        Skip.IfNot(Path.Exists(path), $"needs {name} in {Folder} (set ESPALIER_TEST_DATA)");
        return path;
    }

    private static string FindRoot()
    {
        for (var dir = new DirectoryInfo(AppContext.BaseDirectory); dir is not null; dir = dir.Parent)
            if (File.Exists(Path.Combine(dir.FullName, "Espalier.slnx"))) return dir.FullName;
        throw new InvalidOperationException("The tests must run from inside the repository.");
    }
}
