using Espalier.FewShot;
using Espalier.Models.Formats;
using Espalier.Runs;

namespace Espalier.Tests.FewShot;

/// <summary>Run folders of few-shot methods in a place of their own, deleted at the end.</summary>
internal sealed class FewShotRuns : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("espalier-runs-").FullName;

    public string PathOf(string name) => Path.Combine(_root, name);

    /// <summary>Weights and configuration of a finished run, one after the other.</summary>
    public byte[] Bytes(string name) => [.. File.ReadAllBytes(Path.Combine(PathOf(name), ModelFolder.WeightsFile)),
        .. File.ReadAllBytes(Path.Combine(PathOf(name), ModelFolder.ConfigFile))];

    public FewShotResult Compress(string name, IFewShotMethod method)
    {
        using var folder = RunFolder.Create(PathOf(name), Manifest, force: true);
        return method.Compress(folder, new Listener(_ => { }), default);
    }

    /// <summary>Runs a method until as many updates were reported, then goes on in a second sitting.</summary>
    public void CompressInTwo(string name, Func<IFewShotMethod> method, int updates)
    {
        using var stop = new CancellationTokenSource();
        var seen = 0;
        using (var folder = RunFolder.Create(PathOf(name), Manifest, force: true))
            Should.Throw<OperationCanceledException>(() => method().Compress(folder, new Listener(_ =>
            {
                if (++seen == updates) stop.Cancel();
            }), stop.Token));
        File.Exists(Path.Combine(PathOf(name), ModelFolder.WeightsFile)).ShouldBeFalse();
        using (var folder = RunFolder.Open(PathOf(name))) method().Compress(folder, new Listener(_ => { }), default);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private RunManifest Manifest => new() { Command = "compress", Arguments = [], WorkingDirectory = _root, Version = "test" };

    private sealed class Listener(Action<ProgressUpdate> report) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value) => report(value);
    }
}
