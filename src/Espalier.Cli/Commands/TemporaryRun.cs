using Espalier.Runs;

namespace Espalier.Cli.Commands;

/// <summary>A run folder for a command that leaves nothing behind.</summary>
internal sealed class TemporaryRun : IDisposable
{
    private readonly string _path;

    private TemporaryRun(string path, RunFolder run) => (_path, Run) = (path, run);

    public RunFolder Run { get; }

    public static TemporaryRun Create(CommandContext context)
    {
        var path = Directory.CreateTempSubdirectory("espalier-").FullName;
        return new TemporaryRun(path, context.Charged(RunFolder.Create(Path.Combine(path, "run"), context.Manifest(), force: false)));
    }

    public void Dispose()
    {
        Run.Dispose();
        Directory.Delete(_path, recursive: true);
    }
}
