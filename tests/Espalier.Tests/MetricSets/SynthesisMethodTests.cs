using Espalier.Compute;
using Espalier.MetricSets;
using Espalier.Runs;
using Espalier.Testing;
using Espalier.Tests.FewShot;
using Espalier.Torch;

namespace Espalier.Tests.MetricSets;

/// <summary>The synthetic set alone, as a run.</summary>
[Collection(TorchCollection.Name)]
public sealed class SynthesisMethodTests(StripesModel toy) : IClassFixture<StripesModel>, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly long _live = Tensor.LiveCount;

    public void Dispose()
    {
        _folder.Dispose();
        Tensor.LiveCount.ShouldBe(_live, "tensors were left alive");
    }

    [Fact]
    public void A_set_that_was_stopped_and_gone_on_with_is_the_same_to_the_byte()
    {
        var whole = Run("whole", Request with { Steps = 12 }, stopAt: null);
        var halves = Run("halves", Request with { Steps = 12 }, stopAt: 5);

        halves.ShouldBe(whole);
        whole.Steps.ShouldBe(12);
        Bytes("halves").ShouldBe(Bytes("whole"));
        Directory.GetFiles(_folder["halves"], "*.png").Length.ShouldBe(3);
    }

    [Fact]
    public void Steps_that_a_time_allowed_are_fixed_once_whatever_the_next_sitting_is_like()
    {
        // The second sitting's machine is ten times slower.
        var request = Request with { Time = TimeSpan.FromMinutes(10) };
        var planned = 0L;
        using (var run = Create("run"))
        {
            using var stop = new CancellationTokenSource();
            Should.Throw<OperationCanceledException>(() => new SynthesisMethod(request, new TickingTime(TimeSpan.FromSeconds(1))).Run(run, new Listener(update =>
            {
                planned = update.Total;
                if (update.Step == 3) stop.Cancel();
            }), stop.Token));
        }
        planned.ShouldBeInRange(20, 1999);
        var resumed = new List<long>();
        using (var run = RunFolder.Open(_folder["run"]))
            new SynthesisMethod(request, new TickingTime(TimeSpan.FromSeconds(10))).Run(run, new Listener(update => resumed.Add(update.Total)), default).Steps
                .ShouldBeInRange(4, planned - 1, "the time is over before the steps are");
        resumed.ShouldAllBe(total => total == planned);
    }

    [Fact]
    public void The_library_synthesises_with_one_call()
    {
        var model = EspalierModel.Open(toy.Folder);
        var options = new SynthesizeOptions { Count = 3, Steps = 4, Seed = 7, Compute = Request.Compute };
        var result = model.Synthesize(_folder["set"], options);

        result.ShouldBe(new SynthesisResult(3, 4, result.Loss));
        MetricSetFile.Read(_folder["set"]).Shape.ShouldBe([3, 1, 16, 16]);
        Directory.Exists(_folder["set/steps"]).ShouldBeFalse();
        Should.Throw<UsageException>(() => model.Synthesize(_folder["set"], options)).Message.ShouldContain("already holds");
        Should.Throw<UsageException>(() => EspalierModel.Open("vit_tiny_patch16_224").Synthesize(_folder["x"], options)).Message.ShouldContain("random weights");
    }

    private SynthesisRequest Request => new()
    {
        Model = toy.Source, Count = 3, Seed = 7, Compute = new ComputeOptions { Threads = 1, Precision = Precision.Fp32 },
    };

    private SynthesisResult Run(string name, SynthesisRequest request, long? stopAt)
    {
        if (stopAt is not null)
            using (var first = Create(name))
            {
                using var stop = new CancellationTokenSource();
                Should.Throw<OperationCanceledException>(() => new SynthesisMethod(request, TimeProvider.System).Run(first, new Listener(update =>
                {
                    if (update.Step == stopAt) stop.Cancel();
                }), stop.Token));
            }
        using var run = stopAt is null ? Create(name) : RunFolder.Open(_folder[name]);
        var result = new SynthesisMethod(request, TimeProvider.System).Run(run, new Listener(_ => { }), default);
        run.Complete();
        return result;
    }

    private RunFolder Create(string name) =>
        RunFolder.Create(_folder[name], new RunManifest { Command = "synthesize", Arguments = [], WorkingDirectory = "/", Version = "test" }, force: false);

    private byte[] Bytes(string name) => File.ReadAllBytes(Path.Combine(_folder[name], MetricSetFile.FileName));

    private sealed class Listener(Action<ProgressUpdate> report) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value) => report(value);
    }
}
