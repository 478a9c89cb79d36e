using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.OwnMethod;
using Espalier.Runs;
using Espalier.Torch;

namespace Espalier.Tests.FewShot;

/// <summary>Run folders of few-shot methods in a place of their own, deleted at the end.</summary>
internal sealed class FewShotRuns : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("espalier-runs-").FullName;

    public string PathOf(string name) => Path.Combine(_root, name);

    /// <summary>Weights and configuration of a finished run, one after the other.</summary>
    public byte[] Bytes(string name) => [.. Weights(name), .. File.ReadAllBytes(Path.Combine(PathOf(name), ModelFolder.ConfigFile))];

    public byte[] Weights(string name) => File.ReadAllBytes(Path.Combine(PathOf(name), ModelFolder.WeightsFile));

    /// <summary>The architecture a finished run left.</summary>
    public Architecture Net(string name) => ModelSource.Open(PathOf(name)).Architecture;

    public FewShotResult Compress(string name, IFewShotMethod method, Action<ProgressUpdate>? onUpdate = null)
    {
        using var folder = RunFolder.Create(PathOf(name), Manifest, force: true);
        var result = method.Compress(folder, new Listener(onUpdate ?? (_ => { })), default);
        folder.Complete();
        return result;
    }

    /// <summary>Runs a method until as many updates were reported, then goes on in a second sitting.</summary>
    public void CompressInTwo(string name, Func<IFewShotMethod> method, int updates)
    {
        var seen = 0;
        CompressUntil(name, method(), _ => ++seen == updates);
        GoOn(name, method());
    }

    /// <summary>Runs a method until an update makes it stop; no tensor may be left.</summary>
    public void CompressUntil(string name, IFewShotMethod method, Func<ProgressUpdate, bool> stops)
    {
        var live = Tensor.LiveCount;
        using var stop = new CancellationTokenSource();
        using var folder = RunFolder.Create(PathOf(name), Manifest, force: true);
        Should.Throw<OperationCanceledException>(() => method.Compress(folder, new Listener(update =>
        {
            if (stops(update)) stop.Cancel();
        }), stop.Token));
        Tensor.LiveCount.ShouldBe(live);
        File.Exists(Path.Combine(PathOf(name), ModelFolder.WeightsFile)).ShouldBeFalse();
    }

    /// <summary>Goes on with a run that was stopped.</summary>
    public FewShotResult GoOn(string name, IFewShotMethod method, Action<ProgressUpdate>? onUpdate = null)
    {
        using var folder = RunFolder.Open(PathOf(name));
        var result = method.Compress(folder, new Listener(onUpdate ?? (_ => { })), default);
        folder.Complete();
        return result;
    }

    public SweepResult Sweep(string name, SweepMethod method)
    {
        using var folder = RunFolder.Create(PathOf(name), Manifest, force: true);
        return method.Run(folder, new Listener(_ => { }), default);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private RunManifest Manifest => new() { Command = "compress", Arguments = [], WorkingDirectory = _root, Version = "test" };

    private sealed class Listener(Action<ProgressUpdate> report) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value) => report(value);
    }
}
